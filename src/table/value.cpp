// SPDX-License-Identifier: Apache-2.0
#include "table/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "table/number.h"
#include "table/quote.h"
#include "table/render.h"

namespace weir::table {
namespace {

using bpf::Form;
using bpf::Member;
using bpf::Type;
using Kind = Type::Kind;

Place place_of(const Member& member) {
    return {
        .type = member.type.get(), .bit_offset = member.bit_offset, .bit_size = member.bit_size};
}

/// Length of what the names of all enumerators begin with, up to an underscore.
std::size_t common_prefix(const Type& type) {
    if (type.enumerators.size() < 2) return 0;
    const std::string_view first = type.enumerators.front().name;
    std::size_t length = first.size();
    for (const auto& one : type.enumerators) {
        const std::string_view name = one.name;
        const auto differ = std::mismatch(
            first.begin(),
            first.begin() + static_cast<std::ptrdiff_t>(std::min(length, name.size())),
            name.begin());
        length = static_cast<std::size_t>(differ.first - first.begin());
    }
    const std::size_t underscore = first.substr(0, length).rfind('_');
    return underscore == std::string_view::npos ? 0 : underscore + 1;
}

/// Appends values in one of the two styles.
class Writer {
public:
    Writer(std::string& out, Style style) : out_(out), is_json_(style == Style::Json) {}

    void value(const Place& place, const std::byte* bytes);
    void name(std::string_view name);
    void between() { out_.append(is_json_ ? "," : ", "); }
    void number(Uint128 value, bool is_signed, bool is_wide);
    void floating(double value, bool is_single);

private:
    void text(std::string_view text);
    bool address(const Type& type, const std::byte* at);
    void enumeration(const Type& type, Uint128 value);
    void members(const Type& type, const std::byte* at, bool& is_first);
    void array(const Type& type, const std::byte* at);
    void opaque(const Type& type, const std::byte* at);

    std::string& out_;
    bool is_json_;
};

void Writer::text(std::string_view text) {
    if (is_json_) return append_json_string(out_, text);
    append_plain_text(out_, text);
}

void Writer::name(std::string_view name) {
    text(name);
    out_.append(is_json_ ? ":" : ": ");
}

/// JSON readers keep 64 bits of an integer at best: wider types are strings, whatever the value.
void Writer::number(Uint128 value, bool is_signed, bool is_wide) {
    const bool is_quoted = is_json_ && is_wide;
    if (is_quoted) out_.push_back('"');
    append_decimal(out_, value, is_signed);
    if (is_quoted) out_.push_back('"');
}

void Writer::floating(double value, bool is_single) {
    if (is_json_ && !std::isfinite(value)) {
        out_.append("null");
        return;
    }
    append_float(out_, value, is_single);
}

bool Writer::address(const Type& type, const std::byte* at) {
    if (type.form != Form::Ipv4 && type.form != Form::Ipv6 && type.form != Form::Address &&
        type.form != Form::Mac)
        return false;
    if (is_json_) out_.push_back('"');
    if (type.form == Form::Ipv4) append_ipv4(out_, at);
    if (type.form == Form::Ipv6) append_ipv6(out_, at);
    if (type.form == Form::Address) append_address(out_, at);
    if (type.form == Form::Mac) append_mac(out_, at);
    if (is_json_) out_.push_back('"');
    return true;
}

void Writer::enumeration(const Type& type, Uint128 value) {
    for (const auto& one : type.enumerators) {
        if (one.value != static_cast<std::int64_t>(value)) continue;
        // For people without what all names begin with: WEIR_SERVER_SOURCE is SOURCE.
        return text(std::string_view(one.name).substr(is_json_ ? 0 : common_prefix(type)));
    }
    number(value, type.is_signed, false);
}

void Writer::members(const Type& type, const std::byte* at, bool& is_first) {
    for (const Member& member : type.members) {
        const bool is_group = member.type->kind == Kind::Struct || member.type->kind == Kind::Union;
        if (member.name
                .empty()) {  // anonymous: its members count as ours; unnamed padding is skipped
            if (is_group) members(*member.type, at + member.bit_offset / 8, is_first);
            continue;
        }
        if (!is_first) between();
        is_first = false;
        name(member.name);
        value(place_of(member), at);
    }
}

void Writer::array(const Type& type, const std::byte* at) {
    if (type.form == Form::Text) {
        // SAFETY: chars may view any bytes; the length is the array's at most.
        const char* chars = reinterpret_cast<const char*>(at);
        return text({chars, ::strnlen(chars, type.count)});
    }
    out_.push_back('[');
    for (std::uint32_t i = 0; i < type.count; ++i) {
        if (i > 0) between();
        value({.type = type.element.get()}, at + std::size_t{i} * type.element->size_bytes);
    }
    out_.push_back(']');
}

void Writer::opaque(const Type& type, const std::byte* at) {
    if (is_json_) out_.push_back('"');
    append_bytes(out_, at, type.size_bytes);
    if (is_json_) out_.push_back('"');
}

void Writer::value(const Place& place, const std::byte* bytes) {
    const Type& type = *place.type;
    const std::byte* at = bytes + place.bit_offset / 8;
    if (place.bit_size == 0 && address(type, at)) return;
    switch (type.kind) {
        case Kind::Integer:
            return number(load_integer(place, bytes), type.is_signed, type.size_bytes > 8);
        case Kind::Bool: out_.append(load_integer(place, bytes) != 0 ? "true" : "false"); return;
        case Kind::Enum: return enumeration(type, load_integer(place, bytes));
        case Kind::Pointer:
            if (is_json_) out_.push_back('"');
            append_hex(out_, static_cast<std::uint64_t>(load_integer(place, bytes)));
            if (is_json_) out_.push_back('"');
            return;
        case Kind::Float:
            if (!is_known_float(type)) return opaque(type, at);
            return floating(load_float(type, at), type.size_bytes == sizeof(float));
        case Kind::Struct:
        case Kind::Union: {
            bool is_first = true;
            out_.push_back('{');
            members(type, at, is_first);
            out_.push_back('}');
            return;
        }
        case Kind::Array: return array(type, at);
        case Kind::Opaque: return opaque(type, at);
    }
}

/// Appends the sum over CPUs, in the shape of the value.
class Summer {
public:
    Summer(std::string& out, Style style, std::size_t step, std::uint32_t cpus)
        : out_(out), writer_(out, style), step_(step), cpus_(cpus) {}

    void value(const Place& place, const std::byte* bytes) {
        const Type& type = *place.type;
        const std::byte* at = bytes + place.bit_offset / 8;
        if (type.kind == Kind::Integer) return integer(place, bytes);
        if (type.kind == Kind::Float) return floating(type, at);
        if (type.kind == Kind::Array) return array(type, at);
        bool is_first = true;
        out_.push_back('{');
        members(type, at, is_first);
        out_.push_back('}');
    }

private:
    void integer(const Place& place, const std::byte* bytes) {
        const bool is_wide = place.type->size_bytes > 8;
        Uint128 sum = 0;
        for (std::uint32_t i = 0; i < cpus_; ++i) sum += load_integer(place, bytes + i * step_);
        // The sum of 64-bit counters is exact, also where it needs more than 64 bits.
        const auto high = static_cast<Int128>(sum) >> 64;
        const bool fits = high == 0 || (high == -1 && (static_cast<Int128>(sum) >> 63) == -1);
        writer_.number(sum, place.type->is_signed, is_wide || !fits);
    }

    void floating(const Type& type, const std::byte* at) {
        double sum = 0;
        for (std::uint32_t i = 0; i < cpus_; ++i) sum += load_float(type, at + i * step_);
        writer_.floating(sum, false);
    }

    void array(const Type& type, const std::byte* at) {
        out_.push_back('[');
        for (std::uint32_t i = 0; i < type.count; ++i) {
            if (i > 0) writer_.between();
            value({.type = type.element.get()}, at + std::size_t{i} * type.element->size_bytes);
        }
        out_.push_back(']');
    }

    void members(const Type& type, const std::byte* at, bool& is_first) {
        for (const Member& member : type.members) {
            if (!is_summable(*member.type)) continue;
            if (member.name.empty()) {
                if (member.type->kind == Kind::Struct) {
                    members(*member.type, at + member.bit_offset / 8, is_first);
                }
                continue;
            }
            if (!is_first) writer_.between();
            is_first = false;
            writer_.name(member.name);
            value(place_of(member), at);
        }
    }

    std::string& out_;
    Writer writer_;
    std::size_t step_;
    std::uint32_t cpus_;
};

}  // namespace

bool is_summable(const Type& type) {
    if (type.form != Form::Plain) return false;
    switch (type.kind) {
        case Kind::Integer: return true;
        case Kind::Float: return is_known_float(type);
        case Kind::Array: return type.count > 0 && is_summable(*type.element);
        case Kind::Struct:
            for (const Member& member : type.members) {
                if (is_summable(*member.type)) return true;
            }
            return false;
        default: return false;
    }
}

void append_value(std::string& out, Style style, const Place& place, const std::byte* bytes) {
    Writer(out, style).value(place, bytes);
}

void append_sum(std::string& out, Style style, const Place& place, const std::byte* bytes,
                std::size_t step, std::uint32_t cpus) {
    Summer(out, style, step, cpus).value(place, bytes);
}

void append_json(std::string& out, const Type& type, const std::byte* bytes) {
    append_value(out, Style::Json, {.type = &type}, bytes);
}

void append_text(std::string& out, const Type& type, const std::byte* bytes) {
    append_value(out, Style::Text, {.type = &type}, bytes);
}

}  // namespace weir::table

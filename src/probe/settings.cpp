// SPDX-License-Identifier: Apache-2.0
#include "probe/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "probe/classify.h"
#include "probe/flow_tensor.h"

namespace weir {
namespace {

using bpf::Type;

/// Magnitude and sign apart, so that the whole range of 64 bits fits both ways.
struct Number {
    std::uint64_t magnitude = 0;
    bool is_negative = false;
};

std::optional<Number> parse_number(std::string_view text) {
    if (text == "true") return Number{.magnitude = 1};
    if (text == "false") return Number{};
    Number number;
    if (text.starts_with('-')) {
        number.is_negative = true;
        text.remove_prefix(1);
    }
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [stop, error] = std::from_chars(begin, end, number.magnitude, base);
    if (error != std::errc() || stop == begin) return std::nullopt;
    if (stop == end) return number;
    constexpr std::string_view kUnits = "kMG";
    const std::size_t unit = *stop == 'K' ? 0 : kUnits.find(*stop);
    if (stop + 1 != end || unit == std::string_view::npos) return std::nullopt;
    const auto shift = static_cast<unsigned>(10 * (unit + 1));
    if (number.magnitude > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
    number.magnitude <<= shift;
    return number;
}

bool fits(const Number& number, const Type& type) {
    if (type.kind == Type::Kind::Bool) return !number.is_negative && number.magnitude <= 1;
    const unsigned bits = type.size_bytes * 8;
    if (!type.is_signed) {
        if (number.is_negative) return number.magnitude == 0;
        return bits >= 64 || number.magnitude >> bits == 0;
    }
    const std::uint64_t limit = 1ULL << (bits - 1);  // INT_MAX is one less, INT_MIN just this
    return number.is_negative ? number.magnitude <= limit : number.magnitude < limit;
}

Result<> parse_float(const std::string& text, std::span<std::byte> out) {
    double value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size())
        return fail(Errc::Invalid, fmt::format("'{}' is not a number", text));
    const auto narrow = static_cast<float>(value);
    if (out.size() == sizeof(narrow)) std::memcpy(out.data(), &narrow, sizeof(narrow));
    if (out.size() == sizeof(value)) std::memcpy(out.data(), &value, sizeof(value));
    return {};
}

Result<std::uint32_t> parse_size(const std::string& value) {
    const auto number = parse_number(value);
    if (!number || number->is_negative || number->magnitude == 0 || number->magnitude > UINT32_MAX)
        return fail(Errc::Invalid, fmt::format("'{}' is not a number of entries", value));
    return static_cast<std::uint32_t>(number->magnitude);
}

Result<> set_max_entries(bpf::Object& object, const std::string& map_name,
                         const std::string& value) {
    bpf::MapSpec* map = is_internal_map(map_name) ? nullptr : object.find_map(map_name);
    if (map == nullptr) return fail(Errc::Invalid, "no map " + map_name + " in the probe");
    if (is_flow_tensor(*map))
        return fail(Errc::Invalid,
                    map_name + " is a flow tensor, whose entries follow from its flows",
                    "set max_flows instead");
    auto entries = parse_size(value);
    if (!entries) return pass_on(entries);
    return map->set_max_entries(*entries);
}

/// The size that "max_flows" or "packets_per_flow" means in a probe with a flow tensor; else null.
std::optional<std::uint32_t>* flow_tensor_size(const bpf::Object& object, std::string_view target,
                                               FlowTensorSize& size) {
    if (!has_flow_tensor(object)) return nullptr;
    if (target == "max_flows") return &size.max_flows;
    return target == "packets_per_flow" ? &size.packets_per_flow : nullptr;
}

Result<> set_constant(bpf::Object& object, const std::string& name, const std::string& value) {
    const auto constant = name.starts_with("weir_") ? std::nullopt : object.constant(name);
    if (constant) return parse_value(value, *constant->type, constant->bytes);
    const std::vector<Parameter> own = own_parameters(object);
    for (const Parameter& parameter : own)
        if (parameter.name == name)
            return parse_value(value, *parameter.constant.type, parameter.constant.bytes);
    std::vector<std::string> known;
    if (has_flow_tensor(object)) known = {"max_flows", "packets_per_flow"};
    for (const Parameter& parameter : own) known.push_back(parameter.name);
    for (std::string& c : object.constants())
        if (!c.starts_with("weir_")) known.push_back(std::move(c));
    return fail(Errc::Invalid, "the probe has no parameter " + name,
                known.empty() ? "parameters are `const volatile` globals; it has none"
                              : fmt::format("parameters: {}", fmt::join(known, ", ")));
}

Result<> apply_one(bpf::Object& object, const Setting& s, FlowTensorSize& flow_tensor) {
    constexpr std::string_view kEntries = ".max_entries";
    if (std::optional<std::uint32_t>* size = flow_tensor_size(object, s.target, flow_tensor)) {
        auto parsed = parse_size(s.value);
        if (!parsed) return pass_on(parsed);
        *size = *parsed;
        return {};
    }
    if (s.target.ends_with(kEntries))
        return set_max_entries(object, s.target.substr(0, s.target.size() - kEntries.size()),
                               s.value);
    return set_constant(object, s.target, s.value);
}

}  // namespace

std::vector<Parameter> own_parameters(bpf::Object& object) {
    std::vector<Parameter> parameters;
    for (const std::string name : {"log_rate", "log_level"})
        if (auto constant = object.constant("weir_" + name))
            parameters.push_back({.name = name, .constant = std::move(*constant)});
    return parameters;
}

Result<> parse_value(const std::string& text, const Type& type, std::span<std::byte> out) {
    if (type.kind == Type::Kind::Float) return parse_float(text, out);
    if (type.kind != Type::Kind::Integer && type.kind != Type::Kind::Bool &&
        type.kind != Type::Kind::Enum)
        return fail(Errc::Invalid, fmt::format("a parameter of type {} cannot be set", type.name));
    const auto number = parse_number(text);
    if (!number || type.size_bytes > 8 || type.size_bytes == 0)
        return fail(Errc::Invalid, fmt::format("'{}' is not a number", text));
    if (!fits(*number, type))
        return fail(Errc::Invalid, fmt::format("{} does not fit a {}", text, type.name));
    const std::uint64_t bits = number->is_negative ? 0 - number->magnitude : number->magnitude;
    // Little-endian hosts keep the low bytes first; big-endian ones need the tail.
    const auto* raw = reinterpret_cast<const std::byte*>(&bits);
    if constexpr (std::endian::native == std::endian::big) raw += sizeof(bits) - type.size_bytes;
    std::memcpy(out.data(), raw, type.size_bytes);
    return {};
}

Result<> apply_settings(bpf::Object& object, std::span<const Setting> settings) {
    FlowTensorSize flow_tensor;
    for (const Setting& s : settings)
        if (auto done = apply_one(object, s, flow_tensor); !done)
            return wrap(done, "--set " + s.target + "=" + s.value);
    return size_flow_tensors(object, flow_tensor);
}

}  // namespace weir

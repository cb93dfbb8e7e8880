// SPDX-License-Identifier: Apache-2.0
#include "table/flow_tensor.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "table/number.h"
#include "weir/abi.h"

namespace weir::table {
namespace {

using bpf::Type;

template <class T>
T load(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(T));  // SAFETY: the layout's places lie inside the row
    return value;
}

const bpf::Member* find(const Type& type, std::string_view name) {
    const auto it = std::ranges::find(type.members, name, &bpf::Member::name);
    return it != type.members.end() ? &*it : nullptr;
}

/// One column of one flow: `count` packets `step` bytes apart, into every `width`-th float.
struct Strip {
    const std::byte* from;
    std::size_t count;
    std::size_t step;
    float* to;
    std::size_t width;
};

/// Exact in the width of the value: a time in ns does not fit a double's 53 bits, and what lies
/// between two signed numbers does not fit a signed one.
template <class T>
auto distance(T value, T origin) {
    if constexpr (std::is_integral_v<T>) {
        using Unsigned = std::make_unsigned_t<T>;
        return static_cast<Unsigned>(static_cast<Unsigned>(value) - static_cast<Unsigned>(origin));
    } else {
        return value - origin;
    }
}

/// `load_one` gives the number at a place.
template <class Load>
void convert_with(const Strip& strip, const FloatColumn& column, const Load& load_one) {
    const auto value = [&](std::size_t j) { return load_one(strip.from + j * strip.step); };
    const auto put = [&](std::size_t j, double number) {
        strip.to[j * strip.width] = static_cast<float>(number * column.scale);
    };
    if (column.origin == Origin::Zero) {
        for (std::size_t j = 0; j < strip.count; ++j) put(j, static_cast<double>(value(j)));
        return;
    }
    if (strip.count == 0) return;
    auto origin = value(0);
    for (std::size_t j = 1; j < strip.count; ++j) origin = std::min(origin, value(j));
    for (std::size_t j = 0; j < strip.count; ++j)
        put(j, static_cast<double>(distance(value(j), origin)));
}

template <class T>
void convert(const Strip& strip, const FloatColumn& column) {
    convert_with(strip, column, load<T>);
}

using Convert = void (*)(const Strip&, const FloatColumn&);

void convert_nothing(const Strip& strip, const FloatColumn&) {
    for (std::size_t j = 0; j < strip.count; ++j) strip.to[j * strip.width] = 0;
}

/// What is stored in network order is turned, then as any integer.
void convert_big_endian(const Strip& strip, const FloatColumn& column) {
    const Place place{.type = column.place.type};
    convert_with(strip, column, [&](const std::byte* at) {
        return static_cast<std::uint64_t>(load_integer(place, at));
    });
}

template <class Unsigned, class Signed>
Convert either(const Type& type) {
    return type.is_signed ? &convert<Signed> : &convert<Unsigned>;
}

Convert converter_of(const Place& place) {
    const Type& type = *place.type;
    if (place.bit_size != 0) return &convert_nothing;
    if (type.form == bpf::Form::BigEndian || type.form == bpf::Form::Ipv4)
        return &convert_big_endian;
    if (type.kind == Type::Kind::Float) {
        if (type.size_bytes == sizeof(float)) return &convert<float>;
        return type.size_bytes == sizeof(double) ? &convert<double> : &convert_nothing;
    }
    if (type.kind != Type::Kind::Integer && type.kind != Type::Kind::Bool &&
        type.kind != Type::Kind::Enum)
        return &convert_nothing;
    switch (type.size_bytes) {
        case 1: return either<std::uint8_t, std::int8_t>(type);
        case 2: return either<std::uint16_t, std::int16_t>(type);
        case 4: return either<std::uint32_t, std::int32_t>(type);
        case 8: return either<std::uint64_t, std::int64_t>(type);
        default: return &convert_nothing;
    }
}

/// "bytes; payload" behind the tag's own word.
void read_tag(const bpf::Member& member, Feature& feature) {
    constexpr std::string_view kBetween = "; ";
    for (const std::string& tag : member.tags) {
        if (!tag.starts_with(WEIR_TAG_FEATURE)) continue;
        feature.unit = tag.substr(sizeof(WEIR_TAG_FEATURE) - 1);
        const std::size_t at = feature.unit.find(kBetween);
        if (at == std::string::npos) return;
        feature.encoding = feature.unit.substr(at + kBetween.size());
        feature.unit.resize(at);
    }
}

std::vector<Feature> features_of(const Type& packet) {
    std::vector<Feature> all;
    for (const bpf::Member& member : packet.members) {
        Feature feature{.name = member.name,
                        .unit = {},
                        .encoding = {},
                        .place = {.type = member.type.get(),
                                  .bit_offset = member.bit_offset,
                                  .bit_size = member.bit_size}};
        read_tag(member, feature);
        all.push_back(std::move(feature));
    }
    return all;
}

/// FlowLayout::convert.
void to_float32(const Table& table, std::span<const FloatColumn> columns, std::span<float> out) {
    const FlowLayout& layout = *table.flows;
    std::vector<Convert> converters;
    converters.reserve(columns.size());
    for (const FloatColumn& column : columns) converters.push_back(converter_of(column.place));
    const std::size_t width = columns.size();
    const std::size_t row_floats = layout.packets_per_flow * width;
    float* to = out.data();
    for (std::size_t i = 0; i < table.rows; ++i, to += row_floats) {
        const std::byte* row = table.value(i);
        const std::size_t count = layout.recorded(row);
        std::fill(to + count * width, to + row_floats, 0.0F);
        for (std::size_t c = 0; c < width; ++c) {
            const std::byte* from = row + layout.packet_offset + columns[c].place.bit_offset / 8;
            converters[c]({.from = from,
                           .count = count,
                           .step = layout.packet_bytes,
                           .to = to + c,
                           .width = width},
                          columns[c]);
        }
    }
}

}  // namespace

std::optional<FlowLayout> flow_layout(const bpf::MapShape& shape) {
    if (shape.max_flows == 0) return std::nullopt;
    const bpf::Member* packets = find(*shape.value, "packets");
    const bpf::Member* key = find(*shape.value, "key");
    const bpf::Member* packet = find(*shape.value, "packet");
    const bool has_all = packets != nullptr && key != nullptr && packet != nullptr;
    if (!has_all || packet->type->kind != Type::Kind::Array) return std::nullopt;
    const FlowLayout layout{.packets_offset = packets->bit_offset / 8,
                            .key = key,
                            .packet_offset = packet->bit_offset / 8,
                            .packet_bytes = packet->type->element->size_bytes,
                            .packets_per_flow = packet->type->count,
                            .packet = packet->type->element.get(),
                            .features = features_of(*packet->type->element),
                            .convert = &to_float32,
                            .row_type = shape.value.get()};
    const std::size_t end =
        layout.packet_offset + std::size_t{layout.packet_bytes} * layout.packets_per_flow;
    return end <= shape.value_bytes ? std::optional(layout) : std::nullopt;
}

}  // namespace weir::table

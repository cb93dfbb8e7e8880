// SPDX-License-Identifier: Apache-2.0
#include "model/input_column.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "model/input_number.h"

namespace weir::model {
namespace {

constexpr std::uint16_t kSyn = 0x02;
constexpr std::uint16_t kAck = 0x10;
constexpr unsigned kFlagBits = 13;  // of IP's fragment field, above the offset
constexpr double kOffsets = 1 << kFlagBits;

// ---- what is done to a flow's packets ----

template <class Out, class Value>
void write(const Packets& packets, const Strip<Out>& strip, const Value& value_at) {
    const double scale = strip.scale;
    const std::byte* packet = packets.first;
    Out* to = strip.to;
    for (std::size_t j = 0; j < packets.count; ++j) {
        *to = static_cast<Out>(static_cast<double>(value_at(packet)) * scale);
        packet += packets.step;
        to += strip.width;
    }
}

template <class Out, class Loader>
void plain(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    const std::uint32_t offset = column.number.offset;
    write(packets, strip,
          [offset](const std::byte* packet) { return Loader::load(packet + offset); });
}

float logarithm(float number, float factor) {
    return std::log2(1.0F + std::max(number * factor, 0.0F));
}

template <class Out, class Loader>
void plain_log(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    write(packets, strip, [&](const std::byte* packet) {
        const auto number = static_cast<float>(Loader::load(packet + column.number.offset));
        return logarithm(number, column.factor);
    });
}

template <class Out, class Loader>
void bits(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    write(packets, strip, [&](const std::byte* packet) {
        const std::uint64_t value = bits_of(Loader::load(packet + column.number.offset));
        return static_cast<std::int64_t>(value >> column.shift & column.mask);
    });
}

/// A flow's time, less the least of its packets: a flow's packets may be recorded in another order
/// than they came.
template <class Loader>
auto least(const Column& column, const Packets& packets) {
    const std::byte* first = packets.first + column.number.offset;
    auto origin = Loader::load(first);
    for (std::size_t j = 1; j < packets.count; ++j)
        origin = std::min(origin, Loader::load(first + j * packets.step));
    return origin;
}

template <class Out, class Loader>
void since_first(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    if (packets.count == 0) return;
    const auto origin = least<Loader>(column, packets);
    write(packets, strip, [&](const std::byte* packet) {
        return distance(Loader::load(packet + column.number.offset), origin);
    });
}

template <class Out, class Loader>
void since_first_log(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    if (packets.count == 0) return;
    const auto origin = least<Loader>(column, packets);
    write(packets, strip, [&](const std::byte* packet) {
        const auto passed = distance(Loader::load(packet + column.number.offset), origin);
        return logarithm(static_cast<float>(passed), column.factor);
    });
}

/// What a relative acknowledgement number is made of, where it lies as in the probe ddos.
struct UsualNumbers {
    template <class T>
    static T load(const Number& number, const std::byte* packet) {
        return Native<T>::load(packet + number.offset);
    }
    static bool are_in(const Column& column) {
        const AckPlaces& places = column.ack;
        return column.number.width == Width::U32 && places.flags.width == Width::U16 &&
               places.direction.width == Width::U8 &&
               (!places.sequence || places.sequence->width == Width::U32);
    }
};

/// The same, as it may lie.
struct AnyNumbers {
    template <class T>
    static T load(const Number& number, const std::byte* packet) {
        return static_cast<T>(load_integer(number, packet));
    }
};

/// A direction of a flow: where its bytes began, as far as the window tells.
struct Side {
    std::uint32_t start = 0;
    bool is_known = false;
    bool is_certain = false;  // from its SYN
};

/// What is known of both directions when this packet has been looked at. Where the other one has
/// sent nothing before an acknowledgement, it began just before what that acknowledges.
template <class Numbers>
void learn(std::array<Side, 2>& sides, const Column& column, const std::byte* packet,
           std::uint16_t flags, unsigned direction) {
    Side& own = sides[direction];
    Side& other = sides[direction ^ 1U];
    if (column.ack.sequence && !own.is_known) {
        const auto sequence = Numbers::template load<std::uint32_t>(*column.ack.sequence, packet);
        const bool is_syn = (flags & kSyn) != 0;
        own = {.start = is_syn ? sequence : sequence - 1, .is_known = true, .is_certain = is_syn};
    }
    if ((flags & kAck) == 0 || other.is_known) return;
    const auto ack = Numbers::template load<std::uint32_t>(column.number, packet);
    other = {.start = ack - 1, .is_known = true};
}

/// As tshark counts. Without its SYN, a packet that came too late may seem to lie before its
/// direction's beginning: that is 0, not 2^32 less a little. Without the ACK flag the number is no
/// acknowledgement, and stays as it is.
template <class Out, class Numbers>
void relative_ack(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    constexpr std::uint32_t kHalf = 1U << 31;
    std::array<Side, 2> sides;
    write(packets, strip, [&](const std::byte* packet) {
        const auto flags = Numbers::template load<std::uint16_t>(column.ack.flags, packet);
        const auto direction =
            Numbers::template load<std::uint8_t>(column.ack.direction, packet) & 1U;
        if (!sides[0].is_known || !sides[1].is_known)
            learn<Numbers>(sides, column, packet, flags, direction);
        const auto ack = Numbers::template load<std::uint32_t>(column.number, packet);
        const Side& other = sides[direction ^ 1U];
        const std::uint32_t distance = ack - other.start;
        const std::uint32_t relative = other.is_certain || distance < kHalf ? distance : 0;
        return (flags & kAck) != 0 ? relative : ack;
    });
}

bool is_ipv6(const KeyPlaces& key, const std::byte* row) {
    if (!key.address_offset) return false;
    constexpr std::uint32_t kMapped = 0xffff0000;  // 0, 0, 0xff, 0xff in memory
    const std::byte* address = row + *key.address_offset;
    return Native<std::uint64_t>::load(address) != 0 ||
           Native<std::uint32_t>::load(address + sizeof(std::uint64_t)) != kMapped;
}

template <class Out, class Loader>
void layers(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    const bool is_six = is_ipv6(column.key, packets.row);
    const auto protocol = Native<std::uint8_t>::load(packets.row + column.key.protocol_offset);
    const auto transport = static_cast<std::size_t>(transport_of(protocol, is_six));
    const LayerRow& row = (*column.layers)[is_six ? 1 : 0][transport];
    write(packets, strip, [&](const std::byte* packet) {
        return row[bits_of(Loader::load(packet + column.number.offset)) % kApplications];
    });
}

template <class Out>
void constant(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    write(packets, strip, [&](const std::byte*) { return column.constant; });
}

/// Of the flow, and so of each of its packets.
template <class Out>
void of_flow(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    const float number = packets.context->numbers[static_cast<std::size_t>(column.context)];
    write(packets, strip, [&](const std::byte*) { return number; });
}

template <class Out>
void of_flow_log(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    const float number = logarithm(
        packets.context->numbers[static_cast<std::size_t>(column.context)], column.factor);
    write(packets, strip, [&](const std::byte*) { return number; });
}

template <class Out, class Loader>
void from_destination(const Column& column, const Packets& packets, const Strip<Out>& strip) {
    write(packets, strip, [&](const std::byte* packet) {
        const bool is_backward = (bits_of(Loader::load(packet + column.number.offset)) & 1U) != 0;
        return is_backward != packets.context->is_swapped ? 1 : 0;
    });
}

/// One call for many flows: a call for each would cost as much as what it does.
template <class Out, auto OneFlow>
void each_flow(const Column& column, Flows flows, Strip<Out> strip) {
    for (const Packets& packets : flows) {
        OneFlow(column, packets, strip);
        strip.to += strip.flow;
    }
}

// ---- which of it, for a feature ----

std::optional<Width> width_of(const Place& place) {
    using Kind = Type::Kind;
    const Type& type = *place.type;
    if (place.bit_size != 0) return std::nullopt;
    const auto pick = [&](Width one, Width two, Width four, Width eight) -> std::optional<Width> {
        switch (type.size_bytes) {
            case 1: return one;
            case 2: return two;
            case 4: return four;
            case 8: return eight;
            default: return std::nullopt;
        }
    };
    if (type.form == Form::BigEndian || type.form == Form::Ipv4)
        return pick(Width::U8, Width::Be16, Width::Be32, Width::Be64);
    if (type.kind == Kind::Float && type.size_bytes == sizeof(float)) return Width::F32;
    if (type.kind == Kind::Float && type.size_bytes == sizeof(double)) return Width::F64;
    if (type.kind != Kind::Integer && type.kind != Kind::Bool && type.kind != Kind::Enum)
        return std::nullopt;
    return type.is_signed ? pick(Width::S8, Width::S16, Width::S32, Width::S64)
                          : pick(Width::U8, Width::U16, Width::U32, Width::U64);
}

bool is_integer(const Number& number) {
    return number.width != Width::F32 && number.width != Width::F64;
}

const Feature* find(const FlowLayout& layout, std::string_view name) {
    const auto it = std::ranges::find(layout.features, name, &Feature::name);
    return it != layout.features.end() ? &*it : nullptr;
}

const Member* find(const Type& type, std::string_view name) {
    const auto it = std::ranges::find(type.members, name, &Member::name);
    return it != type.members.end() ? &*it : nullptr;
}

Result<Number> number_of(const Feature& feature) {
    const auto width = width_of(feature.place);
    if (width) return Number{.offset = feature.place.bit_offset / 8, .width = *width};
    return fail(Errc::Rejected,
                fmt::format("the probe's {} is not a number of 1, 2, 4 or 8 bytes", feature.name));
}

Result<Number> integer_of(const Feature& feature) {
    auto number = number_of(feature);
    if (number && !is_integer(*number))
        return fail(Errc::Rejected, fmt::format("the probe's {} is no whole number", feature.name));
    return number;
}

/// The integer feature of that name, which `whose` needs besides itself.
Result<Number> helper_of(const FlowLayout& layout, std::string_view name, std::string_view whose,
                         const std::string& hint) {
    if (const Feature* feature = find(layout, name)) return integer_of(*feature);
    return fail(
        Errc::Rejected,
        fmt::format("{} also needs the feature {}, which the probe does not have", whose, name),
        hint);
}

Result<AckPlaces> ack_places(const FlowLayout& layout) {
    const std::string whose = "a relative acknowledgement number";
    const std::string hint = "ack=raw takes the number as it is";
    auto flags = helper_of(layout, "tcp_flags", whose, hint);
    if (!flags) return pass_on(flags);
    auto direction = helper_of(layout, "is_backward", whose, hint);
    if (!direction) return pass_on(direction);
    AckPlaces places{.flags = *flags, .direction = *direction, .sequence = {}};
    if (const Feature* feature = find(layout, "tcp_sequence")) {
        auto sequence = integer_of(*feature);
        if (!sequence) return pass_on(sequence);
        places.sequence = *sequence;
    }
    return places;
}

Result<KeyPlaces> key_places(const FlowLayout& layout) {
    constexpr std::uint32_t kAddressBytes = 16;
    const std::uint32_t key = layout.key->bit_offset / 8;
    const Member* protocol = find(*layout.key->type, "protocol");
    if (protocol == nullptr || protocol->bit_size != 0 || protocol->type->size_bytes != 1)
        return fail(Errc::Rejected,
                    "a guess of the layers needs the member protocol, of one byte, in the flow's "
                    "key, which the probe's has not");
    KeyPlaces places{.protocol_offset = key + protocol->bit_offset / 8};
    const Member* source = find(*layout.key->type, "source");
    if (source != nullptr && source->type->size_bytes == kAddressBytes)
        places.address_offset = key + source->bit_offset / 8;
    return places;
}

/// Seconds of one of the feature's unit.
Result<double> seconds_of(const Feature& feature) {
    constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
        {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}}};
    for (const auto& [name, seconds] : kUnits)
        if (feature.unit == name) return seconds;
    return fail(
        Errc::Rejected,
        fmt::format("the probe's {} is no time: its unit is \"{}\"", feature.name, feature.unit),
        fmt::format("in the probe: {} WEIR_FEATURE(\"ns\"), or us, ms, s", feature.name));
}

/// Both forms of a function that exists for each loader: what a `Pick`, a lambda, names.
template <class Pick>
void set_functions(Column& column, Pick) {
    with_loader(column.number.width, [&](auto loader) {
        using Loader = decltype(loader);
        column.to_float = &each_flow<float, Pick{}.template operator()<float, Loader>()>;
        column.to_double = &each_flow<double, Pick{}.template operator()<double, Loader>()>;
    });
}

void set_plain(Column& column, const ProfileFeature& feature) {
    if (feature.is_log) {
        set_functions(column, []<class Out, class Loader> { return &plain_log<Out, Loader>; });
        return;
    }
    if (feature.shift == 0 && feature.mask == 0) {
        set_functions(column, []<class Out, class Loader> { return &plain<Out, Loader>; });
        return;
    }
    column.shift = feature.shift;
    column.mask = feature.mask != 0 ? feature.mask : ~std::uint64_t{0};
    set_functions(column, []<class Out, class Loader> { return &bits<Out, Loader>; });
}

Result<> set_layers(Column& column, const FlowLayout& layout, const LayerTable& table) {
    auto key = key_places(layout);
    if (!key) return pass_on(key);
    column.key = *key;
    column.layers = std::make_shared<const LayerTable>(table);
    set_functions(column, []<class Out, class Loader> { return &layers<Out, Loader>; });
    return {};
}

Result<> set_relative_ack(Column& column, const FlowLayout& layout) {
    auto places = ack_places(layout);
    if (!places) return pass_on(places);
    column.ack = *places;
    const bool is_usual = UsualNumbers::are_in(column);
    column.to_float = is_usual ? &each_flow<float, &relative_ack<float, UsualNumbers>>
                               : &each_flow<float, &relative_ack<float, AnyNumbers>>;
    column.to_double = is_usual ? &each_flow<double, &relative_ack<double, UsualNumbers>>
                                : &each_flow<double, &relative_ack<double, AnyNumbers>>;
    return {};
}

/// What the encoding does; scales are multiplied by its own.
Result<> set_encoding(Column& column, const FlowLayout& layout, const Feature& feature,
                      const ProfileFeature& wanted) {
    switch (wanted.encoding) {
        case Encoding::Plain: set_plain(column, wanted); return {};
        case Encoding::SinceFirst: {
            auto seconds = seconds_of(feature);
            if (!seconds) return pass_on(seconds);
            if (wanted.is_log) {
                column.factor *= static_cast<float>(*seconds);
                set_functions(
                    column, []<class Out, class Loader> { return &since_first_log<Out, Loader>; });
                return {};
            }
            column.raw_scale *= *seconds;
            set_functions(column,
                          []<class Out, class Loader> { return &since_first<Out, Loader>; });
            return {};
        }
        case Encoding::RelativeAck: return set_relative_ack(column, layout);
        case Encoding::IpFlags:
            column.shift = kFlagBits;
            column.mask = 7;
            set_functions(column, []<class Out, class Loader> { return &bits<Out, Loader>; });
            return {};
        case Encoding::IpFragment:
            column.raw_scale /= kOffsets;
            set_functions(column, []<class Out, class Loader> { return &plain<Out, Loader>; });
            return {};
        case Encoding::HighestLayer: return set_layers(column, layout, highest_layer_table());
        case Encoding::Protocols: return set_layers(column, layout, protocols_table());
        case Encoding::FromDestination:
            column.needs_context = true;
            set_functions(column,
                          []<class Out, class Loader> { return &from_destination<Out, Loader>; });
            return {};
    }
    return {};
}

void set_context(Column& column, ContextNumber number, bool is_log) {
    column.context = number;
    column.needs_context = true;
    column.to_float =
        is_log ? &each_flow<float, &of_flow_log<float>> : &each_flow<float, &of_flow<float>>;
    column.to_double =
        is_log ? &each_flow<double, &of_flow_log<double>> : &each_flow<double, &of_flow<double>>;
}

bool takes_floats(const ProfileFeature& feature) {
    const bool has_bits = feature.shift != 0 || feature.mask != 0;
    return feature.encoding == Encoding::SinceFirst ||
           (feature.encoding == Encoding::Plain && !has_bits);
}

}  // namespace

Result<Column> make_column(const FlowLayout& layout, const ProfileFeature& wanted,
                           double window_s) {
    Column column;
    column.raw_scale = wanted.is_log ? 1 : wanted.factor;
    column.factor = static_cast<float>(wanted.factor);
    const Feature* feature = find(layout, wanted.name);
    if (const auto context = context_number(wanted.name)) {
        set_context(column, *context, wanted.is_log);
    } else if (feature == nullptr) {
        if (!wanted.missing)
            return fail(Errc::Rejected, fmt::format("the probe has no feature {}", wanted.name));
        column.constant = *wanted.missing;
        column.to_float = &each_flow<float, &constant<float>>;
        column.to_double = &each_flow<double, &constant<double>>;
    } else {
        auto number = takes_floats(wanted) ? number_of(*feature) : integer_of(*feature);
        if (!number) return pass_on(number);
        column.number = *number;
        if (auto r = set_encoding(column, layout, *feature, wanted); !r) return pass_on(r);
    }
    column.scale = column.raw_scale / wanted.divisor.value_or(window_s);
    return column;
}

}  // namespace weir::model

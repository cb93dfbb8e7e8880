// SPDX-License-Identifier: Apache-2.0
#include "model/input_column.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "model/input_converters.h"

namespace weir::model {
namespace {

constexpr unsigned kFlagBits = 13;  // of IP's fragment field, above the offset
constexpr double kOffsets = 1 << kFlagBits;

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

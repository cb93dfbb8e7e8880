// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is done to a flow's packets for a column: templates over the number's type and how it lies
// in memory, of which a column holds two, for float and for double. Seen by input_column.cpp alone.
//
// Pure functions.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "model/input_column.h"
#include "model/input_number.h"

namespace weir::model {

constexpr std::uint16_t kSyn = 0x02;
constexpr std::uint16_t kAck = 0x10;

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

inline float logarithm(float number, float factor) {
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

inline bool is_ipv6(const KeyPlaces& key, const std::byte* row) {
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

}  // namespace weir::model

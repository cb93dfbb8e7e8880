// SPDX-License-Identifier: Apache-2.0
#pragma once
// A flow tensor's type, put together by hand beside the struct that it describes: no BTF, no
// kernel.
//
//     Row row{.packets = 1};
//     MapShape shape = test::row_shape();
//
// Pure functions.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bpf/map.h"

namespace weir::test {

constexpr std::uint32_t kRowPackets = 4;

/// One of each number that a feature may be.
struct RowPacket {
    std::uint64_t time;
    std::int64_t s64;
    double f64;
    std::uint32_t u32;
    std::int32_t s32;
    float f32;
    std::uint32_t be32;  // the bytes in network order
    std::uint16_t u16;
    std::int16_t s16;
    std::uint16_t be16;  // the bytes in network order
    std::uint8_t u8;
    std::int8_t s8;
    bool yes;
    std::uint8_t bits;
};

struct RowKey {
    unsigned char source[16], destination[16];
    std::uint16_t source_port, destination_port;  // in network order
    std::uint8_t protocol;
};

struct Row {
    std::uint32_t packets;
    std::uint32_t server;
    std::uint64_t forward_bytes;
    RowKey key;
    RowPacket packet[kRowPackets];
};

using bpf::Form;
using bpf::Member;
using bpf::Type;
using bpf::TypePtr;

inline TypePtr make(Type type) { return std::make_shared<const Type>(std::move(type)); }

inline TypePtr integer(std::uint32_t bytes, bool is_signed = false, Form form = Form::Plain) {
    return make({.kind = Type::Kind::Integer,
                 .form = form,
                 .name = "number",
                 .size_bytes = bytes,
                 .is_signed = is_signed});
}

inline Member member(const char* name, std::size_t offset, TypePtr type,
                     std::vector<std::string> tags = {}) {
    return {.name = name,
            .bit_offset = static_cast<std::uint32_t>(offset * 8),
            .type = std::move(type),
            .tags = std::move(tags)};
}

inline TypePtr structure(const char* name, std::size_t bytes, std::vector<Member> members) {
    return make({.kind = Type::Kind::Struct,
                 .name = name,
                 .size_bytes = static_cast<std::uint32_t>(bytes),
                 .members = std::move(members)});
}

inline TypePtr array(TypePtr element, std::uint32_t count) {
    const std::uint32_t bytes = element->size_bytes * count;
    return make({.kind = Type::Kind::Array,
                 .size_bytes = bytes,
                 .element = std::move(element),
                 .count = count});
}

inline TypePtr packet_type() {
    const auto real = [](std::uint32_t bytes) {
        return make({.kind = Type::Kind::Float, .name = "real", .size_bytes = bytes});
    };
    using P = RowPacket;
    auto bits = member("bits", offsetof(P, bits), integer(1));
    bits.bit_size = 3;
    return structure(
        "packet", sizeof(P),
        {member("time", offsetof(P, time), integer(8), {"weir:feature ns; since the boot; or not"}),
         member("s64", offsetof(P, s64), integer(8, true), {"other", "weir:feature bytes"}),
         member("f64", offsetof(P, f64), real(8)), member("u32", offsetof(P, u32), integer(4)),
         member("s32", offsetof(P, s32), integer(4, true)),
         member("f32", offsetof(P, f32), real(4)),
         member("be32", offsetof(P, be32), integer(4, false, Form::BigEndian)),
         member("u16", offsetof(P, u16), integer(2)),
         member("s16", offsetof(P, s16), integer(2, true)),
         member("be16", offsetof(P, be16), integer(2, false, Form::BigEndian)),
         member("u8", offsetof(P, u8), integer(1)), member("s8", offsetof(P, s8), integer(1, true)),
         member("yes", offsetof(P, yes),
                make({.kind = Type::Kind::Bool, .name = "bool", .size_bytes = 1})),
         bits});
}

inline TypePtr key_type() {
    const auto address = make(
        {.kind = Type::Kind::Struct, .form = Form::Address, .name = "address", .size_bytes = 16});
    const auto port = integer(2, false, Form::BigEndian);
    using K = RowKey;
    return structure("key", sizeof(K),
                     {member("source", offsetof(K, source), address),
                      member("destination", offsetof(K, destination), address),
                      member("source_port", offsetof(K, source_port), port),
                      member("destination_port", offsetof(K, destination_port), port),
                      member("protocol", offsetof(K, protocol), integer(1))});
}

inline std::vector<Member> row_members() {
    const auto server = make({.kind = Type::Kind::Enum,
                              .name = "server",
                              .size_bytes = 4,
                              .enumerators = {{"UNKNOWN", 0}, {"SOURCE", 1}}});
    return {member("packets", offsetof(Row, packets), integer(4)),
            member("server", offsetof(Row, server), server),
            member("forward_bytes", offsetof(Row, forward_bytes), integer(8)),
            member("key", offsetof(Row, key), key_type()),
            member("packet", offsetof(Row, packet), array(packet_type(), kRowPackets))};
}

inline bpf::MapShape row_shape(std::vector<Member> members = row_members()) {
    return {.name = "flows",
            .kind = bpf::MapKind::Array,
            .key_bytes = 4,
            .value_bytes = sizeof(Row),
            .max_entries = 8,
            .max_flows = 8,
            .key = integer(4),
            .value = structure("flows_flow", sizeof(Row), std::move(members))};
}

}  // namespace weir::test

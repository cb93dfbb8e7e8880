// SPDX-License-Identifier: Apache-2.0
// Flow tensors over rows that are laid out by hand; what they give is computed again from the
// native structs.
#include "table/flow_tensor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "support/flow_types.h"
#include "table/number.h"
#include "table/render.h"

namespace weir::table {
namespace {

using bpf::MapShape;
using test::kRowPackets;
using test::Row;
using test::RowPacket;

const std::byte* bytes_of(const Row& row) {
    return reinterpret_cast<const std::byte*>(&row);  // SAFETY: any object may be viewed as bytes
}

/// Rows in a memory of their own, some of them empty, as a mapped map has them.
class Memory {
public:
    explicit Memory(std::vector<Row> rows, MapShape shape = test::row_shape())
        : shape_(std::move(shape)), rows_(std::move(rows)), layout_(flow_layout(shape_)) {
        for (std::uint32_t i = 0; i < rows_.size(); ++i)
            if (rows_[i].packets != 0) indices_.push_back(i);
    }
    [[nodiscard]] Table table() const {
        return {.shape = &shape_,
                .way = ReadWay::Mmap,
                .rows = indices_.size(),
                .capacity = shape_.max_flows,
                .flows = &*layout_,
                .values = rows_.empty() ? nullptr : bytes_of(rows_[0]),
                .value_step = sizeof(Row),
                .indices = indices_};
    }

private:
    MapShape shape_;
    std::vector<Row> rows_;
    std::optional<FlowLayout> layout_;
    std::vector<std::uint32_t> indices_;
};

TEST(FlowLayout, IsFoundByTheNamesOfFlowH) {
    const MapShape shape = test::row_shape();
    const auto layout = flow_layout(shape);
    ASSERT_TRUE(layout.has_value());
    EXPECT_EQ(layout->packets_offset, offsetof(Row, packets));
    EXPECT_EQ(layout->key->bit_offset, offsetof(Row, key) * 8);
    EXPECT_EQ(layout->packet_offset, offsetof(Row, packet));
    EXPECT_EQ(layout->packet_bytes, sizeof(RowPacket));
    EXPECT_EQ(layout->packets_per_flow, kRowPackets);
    EXPECT_EQ(layout->packet->members.size(), 14U);
}

TEST(FlowLayout, IsNoneWhereTheMapIsNoFlowTensor) {
    MapShape plain = test::row_shape();
    plain.max_flows = 0;
    EXPECT_FALSE(flow_layout(plain).has_value());

    for (const char* name : {"packets", "key", "packet"}) {
        auto members = test::row_members();
        std::erase_if(members, [&](const bpf::Member& m) { return m.name == name; });
        EXPECT_FALSE(flow_layout(test::row_shape(members)).has_value()) << "without " << name;
    }
    auto single = test::row_members();
    single.back().type = test::packet_type();
    EXPECT_FALSE(flow_layout(test::row_shape(single)).has_value()) << "packet is no array";
    auto wide = test::row_members();
    wide.back().type = test::array(test::packet_type(), kRowPackets + 1);
    EXPECT_FALSE(flow_layout(test::row_shape(wide)).has_value()) << "it ends behind the row";
}

TEST(FlowLayout, UsesARowUpToItsLastRecordedPacket) {
    const auto shape = test::row_shape();
    const auto layout = flow_layout(shape);
    for (const std::uint32_t packets : {0U, 1U, 3U, 4U, 5U, 4'000'000'000U}) {
        Row row{};
        row.packets = packets;
        const std::uint32_t recorded = std::min(packets, kRowPackets);
        EXPECT_EQ(layout->packets(bytes_of(row)), packets);
        EXPECT_EQ(layout->recorded(bytes_of(row)), recorded);
        EXPECT_EQ(layout->used_bytes(bytes_of(row)),
                  recorded < kRowPackets ? offsetof(Row, packet) + recorded * sizeof(RowPacket)
                                         : sizeof(Row));
    }
}

TEST(FlowTensor, NamesItsFeaturesByMembersAndTags) {
    const Memory memory({});
    const Table table = memory.table();
    const auto features = FlowTensor(table).features();
    ASSERT_EQ(features.size(), 14U);
    EXPECT_EQ(features[0].name, "time");
    EXPECT_EQ(features[0].unit, "ns");
    EXPECT_EQ(features[0].encoding, "since the boot; or not");
    EXPECT_EQ(features[1].unit, "bytes");
    EXPECT_EQ(features[1].encoding, "");
    EXPECT_EQ(features[2].unit, "");
    EXPECT_EQ(features[9].name, "be16");
    EXPECT_EQ(features[9].place.bit_offset, offsetof(RowPacket, be16) * 8);
    EXPECT_EQ(features[9].place.type->form, bpf::Form::BigEndian);
    EXPECT_EQ(features[13].place.bit_size, 3U);
}

TEST(FlowTensor, GivesKeysAndPacketsOfTheFlowsInTheirRows) {
    std::vector<Row> rows(6);
    rows[1].packets = 2;
    rows[1].key.protocol = 6;
    rows[1].packet[1].u32 = 11;
    rows[4].packets = 9;
    rows[4].key.protocol = 17;
    rows[4].packet[3].u32 = 43;
    const Memory memory(rows);
    const Table table = memory.table();
    const FlowTensor tensor(table);
    ASSERT_EQ(tensor.flows(), 2U);
    EXPECT_EQ(tensor.packets_per_flow(), kRowPackets);
    EXPECT_EQ(tensor.packets(0), 2U);
    EXPECT_EQ(tensor.recorded(0), 2U);
    EXPECT_EQ(tensor.packets(1), 9U);
    EXPECT_EQ(tensor.recorded(1), 4U);
    const auto protocol = [&](std::size_t i) {
        test::RowKey key;
        std::memcpy(&key, tensor.key(i), sizeof(key));
        return key.protocol;
    };
    EXPECT_EQ(protocol(0), 6);
    EXPECT_EQ(protocol(1), 17);
    const auto u32 = [&](std::size_t i, std::size_t j) {
        RowPacket packet;
        std::memcpy(&packet, tensor.packet(i, j), sizeof(packet));
        return packet.u32;
    };
    EXPECT_EQ(u32(0, 1), 11U);
    EXPECT_EQ(u32(0, 3), 0U) << "packets that are not there are zeros";
    EXPECT_EQ(u32(1, 3), 43U);
}

// ---- float32 ----

std::vector<Row> random_rows(std::size_t count) {
    std::mt19937_64 random(11);  // NOLINT(*-msc51-cpp): the same rows every time
    std::vector<Row> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 == 1) continue;
        rows[i].packets = static_cast<std::uint32_t>(1 + i % 7);
        for (std::size_t j = 0; j < std::min(rows[i].packets, kRowPackets); ++j) {
            RowPacket& p = rows[i].packet[j];
            p.time = (1ULL << 63) - 500 + random() % 1000;  // out of order, and a sign bit to lose
            p.s64 = static_cast<std::int64_t>(random());
            p.f64 = static_cast<double>(random()) / 3;
            p.u32 = static_cast<std::uint32_t>(random());
            p.s32 = static_cast<std::int32_t>(random());
            p.f32 = static_cast<float>(random() % 1000) / 8 - 50;
            p.be32 = static_cast<std::uint32_t>(random());
            p.u16 = static_cast<std::uint16_t>(random());
            p.s16 = static_cast<std::int16_t>(random());
            p.be16 = static_cast<std::uint16_t>(random());
            p.u8 = static_cast<std::uint8_t>(random());
            p.s8 = static_cast<std::int8_t>(random());
            p.yes = random() % 2 != 0;
            p.bits = 7;
        }
    }
    return rows;
}

/// Wide enough that every difference of two features is exact: 64 bits of mantissa are not.
using Exact = Int128;

/// The integers of a packet in the order of its features; the floats apart.
Exact integer_of(const RowPacket& p, std::size_t feature) {
    switch (feature) {
        case 0: return p.time;
        case 1: return p.s64;
        case 3: return p.u32;
        case 4: return p.s32;
        case 6: return ntohl(p.be32);
        case 7: return p.u16;
        case 8: return p.s16;
        case 9: return ntohs(p.be16);
        case 10: return p.u8;
        case 11: return p.s8;
        case 12: return p.yes ? 1 : 0;
        default: return 0;
    }
}

double value_of(const Row& row, std::size_t packet, std::size_t feature, Origin origin) {
    const std::size_t count = std::min(row.packets, kRowPackets);
    const bool from_first = origin == Origin::FirstPacket;
    if (feature == 2 || feature == 5) {
        const auto real = [&](std::size_t j) {
            return feature == 2 ? row.packet[j].f64 : double{row.packet[j].f32};
        };
        double least = real(0);
        for (std::size_t j = 1; j < count; ++j) least = std::min(least, real(j));
        return from_first ? real(packet) - least : real(packet);
    }
    Exact least = integer_of(row.packet[0], feature);
    for (std::size_t j = 1; j < count; ++j)
        least = std::min(least, integer_of(row.packet[j], feature));
    const Exact value = integer_of(row.packet[packet], feature);
    return static_cast<double>(from_first ? value - least : value);
}

/// [flows, packets, features] in plain loops.
std::vector<float> expected_floats(const std::vector<Row>& rows, Origin origin, double scale) {
    std::vector<float> out;
    for (const Row& row : rows) {
        if (row.packets == 0) continue;
        for (std::size_t j = 0; j < kRowPackets; ++j)
            for (std::size_t f = 0; f < 14; ++f)
                out.push_back(j < row.packets
                                  ? static_cast<float>(value_of(row, j, f, origin) * scale)
                                  : 0.0F);
    }
    return out;
}

class ToFloat32 : public ::testing::TestWithParam<std::pair<Origin, double>> {};

TEST_P(ToFloat32, EqualsAPlainLoopForEveryKindOfNumber) {
    const auto [origin, scale] = GetParam();
    const std::vector<Row> rows = random_rows(200);
    const Memory memory(rows);
    const Table table = memory.table();
    const FlowTensor tensor(table);
    std::vector<FloatColumn> columns;
    for (const Feature& feature : tensor.features())
        columns.push_back({.place = feature.place, .scale = scale, .origin = origin});
    const std::vector<float> expected = expected_floats(rows, origin, scale);
    std::vector<float> out(expected.size(), std::nanf(""));
    tensor.to_float32(columns, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
        ASSERT_EQ(out[i], expected[i]) << "feature " << i % 14 << " of flow " << i / 56;
    }
}

INSTANTIATE_TEST_SUITE_P(FlowTensor, ToFloat32,
                         ::testing::Values(std::pair{Origin::Zero, 1.0},
                                           std::pair{Origin::Zero, 1e-9},
                                           std::pair{Origin::FirstPacket, 1.0},
                                           std::pair{Origin::FirstPacket, 1e-9}));

TEST(FlowTensor, CountsTimeFromItsLeastPacketToTheNanosecond) {
    std::vector<Row> rows(1);
    rows[0].packets = 3;
    const std::uint64_t first = (1ULL << 63) - 2;
    rows[0].packet[0].time = first + 5;
    rows[0].packet[1].time = first;
    rows[0].packet[2].time = first + 1;
    const Memory memory(rows);
    const Table table = memory.table();
    const FlowTensor tensor(table);
    const FloatColumn time{.place = tensor.features()[0].place, .origin = Origin::FirstPacket};
    std::vector<float> out(kRowPackets, 9.0F);
    tensor.to_float32({&time, 1}, out);
    EXPECT_EQ(out, (std::vector<float>{5, 0, 1, 0}));
}

TEST(FlowTensor, WritesNothingWhereThereAreNoFlowsOrNoColumns) {
    const Memory none(std::vector<Row>(5));
    const Table empty = none.table();
    const FloatColumn time{.place = FlowTensor(empty).features()[0].place};
    FlowTensor(empty).to_float32({&time, 1}, {});
    const Memory some(random_rows(5));
    const Table table = some.table();
    FlowTensor(table).to_float32({}, {});
}

// ---- as JSON and as text ----

Row http_row() {
    Row row{};
    row.packets = 2;
    row.server = 1;
    row.forward_bytes = 1500;
    inet_pton(AF_INET6, "::ffff:10.0.0.1", row.key.source);
    inet_pton(AF_INET6, "::ffff:192.168.7.200", row.key.destination);
    row.key.source_port = htons(40000);
    row.key.destination_port = htons(80);
    row.key.protocol = 6;
    row.packet[0].time = 77;
    row.packet[1].be16 = htons(513);
    return row;
}

Row dns_row() {
    Row row{};
    row.packets = 1;
    inet_pton(AF_INET6, "2001:db8::1", row.key.source);
    inet_pton(AF_INET6, "fe80::2", row.key.destination);
    row.key.source_port = htons(53);
    row.key.protocol = 17;
    return row;
}

TEST(FlowTensor, IsJsonWithKeyCountersAndOnlyTheRecordedPackets) {
    const Memory memory({http_row(), Row{}, dns_row()});
    const Table table = memory.table();
    std::string out;
    append_table_json(out, table, 100);
    const auto json = nlohmann::json::parse(out);
    EXPECT_EQ(json["kind"], "flow_tensor");
    EXPECT_EQ(json["rows"], 2);
    EXPECT_EQ(json["capacity"], 8);
    const auto& http = json["entries"][0];
    EXPECT_EQ(http["key"], nlohmann::json::parse(
                               R"({"source":"10.0.0.1","destination":"192.168.7.200",
                                   "source_port":40000,"destination_port":80,"protocol":6})"));
    EXPECT_FALSE(http["value"].contains("key"));
    EXPECT_EQ(http["value"]["packets"], 2);
    EXPECT_EQ(http["value"]["server"], "SOURCE");
    EXPECT_EQ(http["value"]["forward_bytes"], 1500);
    ASSERT_EQ(http["value"]["packet"].size(), 2U);
    EXPECT_EQ(http["value"]["packet"][0]["time"], 77);
    EXPECT_EQ(http["value"]["packet"][1]["be16"], 513);
    const auto& dns = json["entries"][1];
    EXPECT_EQ(dns["key"]["source"], "2001:db8::1");
    EXPECT_EQ(dns["key"]["destination"], "fe80::2");
    EXPECT_EQ(dns["value"]["packet"].size(), 1U);
}

TEST(FlowTensor, IsTextWithTheLargestFlowFirstAndNoTag) {
    const Memory memory({dns_row(), Row{}, http_row()});
    const Table table = memory.table();
    std::string out;
    append_table_text(out, table, 100, false);
    EXPECT_EQ(out,
              "flows  flow_tensor  2 of 8 rows\n"
              "  source       destination    source_port  destination_port  protocol  packets"
              "  server   forward_bytes\n"
              "  10.0.0.1     192.168.7.200        40000                80         6        2"
              "  SOURCE           1,500\n"
              "  2001:db8::1  fe80::2                 53                 0        17        1"
              "  UNKNOWN              0\n");
}

}  // namespace
}  // namespace weir::table

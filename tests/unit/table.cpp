// SPDX-License-Identifier: Apache-2.0
// Values are built natively with the same structs that the BTF comes from; the JSON is written by
// hand.
#include <arpa/inet.h>
#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "table/render.h"
#include "table_fixture.h"

namespace weir::table {
namespace {

using bpf::Form;
using bpf::MapKind;
using bpf::MapShape;
using bpf::Type;
using bpf::TypePtr;

template <class T>
const std::byte* bytes_of(const T& value) {
    return reinterpret_cast<const std::byte*>(&value);  // SAFETY: any object may be viewed as bytes
}

struct Flow {
    __be32 saddr, daddr;
    __be16 sport, dport;
};
struct Counters {
    std::uint64_t packets, bytes;
};

TypePtr u64_type() {
    return std::make_shared<Type>(Type{.kind = Type::Kind::Integer, .size_bytes = 8});
}

/// A table whose rows lie in vectors of ours.
template <class Key, class Value>
struct Sample {
    MapShape shape;
    std::vector<Key> keys;
    std::vector<Value> values;

    Table table(ReadWay way = ReadWay::Batch) {
        return {.shape = &shape,
                .map_class = MapClass::Windowed,
                .way = way,
                .rows = keys.size(),
                .capacity = shape.max_entries,
                .keys = keys.empty() ? nullptr : bytes_of(keys[0]),
                .values = values.empty() ? nullptr : bytes_of(values[0]),
                .value_step = sizeof(Value)};
    }
};

Sample<Flow, Counters> flow_sample() {
    const auto flow = [](const char* from, const char* to, std::uint16_t sport,
                         std::uint16_t dport) {
        return Flow{inet_addr(from), inet_addr(to), htons(sport), htons(dport)};
    };
    return {.shape = {.name = "flows",
                      .kind = MapKind::Hash,
                      .key_bytes = sizeof(Flow),
                      .value_bytes = sizeof(Counters),
                      .max_entries = 65536,
                      .key = test::fixture_type("flow_key", BTF_KIND_STRUCT),
                      .value = test::fixture_type("counters_t", BTF_KIND_TYPEDEF)},
            .keys = {flow("10.0.0.1", "10.0.0.2", 40000, 80),
                     flow("192.168.100.200", "10.0.0.2", 7, 443)},
            .values = {{3, 180}, {1234567, 18446744073709551615ULL}}};
}

std::string table_json(const Table& table, std::size_t max_rows = SIZE_MAX) {
    std::string out;
    append_table_json(out, table, max_rows);
    EXPECT_TRUE(nlohmann::json::accept(out)) << out;
    return out;
}

std::string table_text(const Table& table, std::size_t max_rows = 100) {
    std::string out;
    append_table_text(out, table, max_rows, false);
    return out;
}

TEST(TableJson, IsTheContract) {
    auto sample = flow_sample();
    EXPECT_EQ(table_json(sample.table()),
              R"({"kind":"hash","class":"windowed","rows":2,"capacity":65536,"saturated":false,)"
              R"("read":"batch","entries":[)"
              R"({"key":{"saddr":"10.0.0.1","daddr":"10.0.0.2","sport":40000,"dport":80},)"
              R"("value":{"packets":3,"bytes":180}},)"
              R"({"key":{"saddr":"192.168.100.200","daddr":"10.0.0.2","sport":7,"dport":443},)"
              R"("value":{"packets":1234567,"bytes":18446744073709551615}}],"truncated":false})");
}

TEST(TableJson, SaysWhenRowsAreLeftOut) {
    auto sample = flow_sample();
    const auto cut = nlohmann::json::parse(table_json(sample.table(), 1));
    EXPECT_EQ(cut["entries"].size(), 1U);
    EXPECT_EQ(cut["rows"], 2);
    EXPECT_EQ(cut["truncated"], true);
    const auto none = nlohmann::json::parse(table_json(sample.table(), 0));
    EXPECT_FALSE(none.contains("entries"));
    Table short_read = sample.table();
    short_read.is_truncated = true;
    EXPECT_EQ(nlohmann::json::parse(table_json(short_read))["truncated"], true);
}

TEST(TableJson, WritesAnEmptyTable) {
    auto sample = flow_sample();
    sample.keys.clear();
    sample.values.clear();
    EXPECT_EQ(table_json(sample.table()),
              R"({"kind":"hash","class":"windowed","rows":0,"capacity":65536,"saturated":false,)"
              R"("read":"batch","entries":[],"truncated":false})");
}

TEST(TableJson, ListsAMapThatIsNotRead) {
    const MapShape shape{.name = "tx", .kind = MapKind::Devmap, .max_entries = 64};
    const Table table{.shape = &shape, .map_class = MapClass::Persistent};
    EXPECT_EQ(table_json(table), R"({"kind":"devmap","class":"persistent","read":"none"})");
    EXPECT_EQ(table_text(table), "tx  devmap  capacity 64, not read\n");
}

struct PercpuValue {
    std::uint64_t packets;
    std::int32_t balance;
    std::uint8_t src_ip[4];
    char name[8];
};

Sample<std::uint32_t, PercpuValue> percpu_sample() {
    const auto number = [](std::uint32_t bytes, bool is_signed) {
        return std::make_shared<Type>(
            Type{.kind = Type::Kind::Integer, .size_bytes = bytes, .is_signed = is_signed});
    };
    const auto array = [&](Form form, std::uint32_t count) {
        return std::make_shared<Type>(Type{.kind = Type::Kind::Array,
                                           .form = form,
                                           .size_bytes = count,
                                           .element = number(1, false),
                                           .count = count});
    };
    Type value{.kind = Type::Kind::Struct, .size_bytes = sizeof(PercpuValue)};
    value.members = {{.name = "packets", .bit_offset = 0, .type = number(8, false)},
                     {.name = "balance", .bit_offset = 64, .type = number(4, true)},
                     {.name = "src_ip", .bit_offset = 96, .type = array(Form::Ipv4, 4)},
                     {.name = "name", .bit_offset = 128, .type = array(Form::Text, 8)}};
    return {
        .shape = {.name = "per_cpu",
                  .kind = MapKind::PercpuHash,
                  .key_bytes = 4,
                  .value_bytes = sizeof(PercpuValue),
                  .max_entries = 8,
                  .key = number(4, false),
                  .value = std::make_shared<Type>(value)},
        .keys = {9},
        .values = {{1ULL << 63, -5, {0, 0, 0, 0}, "a"}, {(1ULL << 63) - 1, 2, {10, 0, 0, 1}, "b"}}};
}

TEST(TableJson, AddsUpPlainNumbersOfTheCpus) {
    auto sample = percpu_sample();
    Table table = sample.table();
    table.cpus = 2;
    EXPECT_EQ(table_json(table),
              R"({"kind":"percpu_hash","class":"windowed","rows":1,"capacity":8,"saturated":false,)"
              R"("read":"batch","entries":[{"key":9,"cpus":[)"
              R"({"packets":9223372036854775808,"balance":-5,"src_ip":"0.0.0.0","name":"a"},)"
              R"({"packets":9223372036854775807,"balance":2,"src_ip":"10.0.0.1","name":"b"}],)"
              R"("sum":{"packets":18446744073709551615,"balance":-3}}],"truncated":false})");
}

TEST(TableJson, KeepsASumExactBeyond64Bits) {
    auto sample = percpu_sample();
    sample.values[1].packets = 1ULL << 63;
    Table table = sample.table();
    table.cpus = 2;
    const auto json = nlohmann::json::parse(table_json(table));
    EXPECT_EQ(json["entries"][0]["sum"]["packets"], "18446744073709551616");
}

TEST(TableJson, ShowsGlobalsAsOneEntry) {
    MapShape shape{.name = ".data.fixture",
                   .kind = MapKind::Array,
                   .key_bytes = 4,
                   .max_entries = 1,
                   .is_globals = true,
                   .value = test::fixture_type(".data.fixture", BTF_KIND_DATASEC)};
    shape.value_bytes = shape.value->size_bytes;
    const auto object = test::open_fixture();
    std::size_t bytes = 0;
    const void* image =
        bpf_map__initial_value(bpf_object__find_map_by_name(object.get(), ".data.fixture"), &bytes);
    ASSERT_EQ(bytes, shape.value_bytes);
    const std::uint32_t first = 0;
    const Table table{.shape = &shape,
                      .map_class = MapClass::Windowed,
                      .way = ReadWay::Mmap,
                      .rows = 1,
                      .capacity = 1,
                      .values = static_cast<const std::byte*>(image),
                      .value_step = bytes,
                      .indices = {&first, 1}};
    const auto json = nlohmann::json::parse(table_json(table));
    EXPECT_EQ(json["kind"], "globals");
    const auto expected = nlohmann::json::parse(
        R"([{"key":0,"value":{"first_global":11,"hidden_global":22,
            "tagged_global":{"packets":3,"bytes":4},"last_saddr":"10.0.0.1"}}])");
    EXPECT_EQ(json["entries"], expected);
    const std::string text = table_text(table);
    EXPECT_TRUE(text.starts_with(".data.fixture  globals\n")) << text;
    EXPECT_NE(text.find("\n  first_global           11\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  tagged_global.packets  3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n  last_saddr             10.0.0.1\n"), std::string::npos) << text;
}

TEST(TableText, PutsTheLargestFirstAndNumbersToTheRight) {
    auto sample = flow_sample();
    EXPECT_EQ(table_text(sample.table()),
              "flows  hash  2 of 65,536 rows\n"
              "  saddr            daddr     sport  dport    packets                       bytes\n"
              "  192.168.100.200  10.0.0.2      7    443  1,234,567  18,446,744,073,709,551,615\n"
              "  10.0.0.1         10.0.0.2  40000     80          3                         180\n");
}

TEST(TableText, SaysHowManyRowsItLeavesOutAndThatTheMapIsFull) {
    auto sample = flow_sample();
    Table table = sample.table();
    table.is_saturated = true;
    EXPECT_EQ(table_text(table, 1),
              "flows  hash  2 of 65,536 rows  saturated\n"
              "  saddr            daddr     sport  dport    packets                       bytes\n"
              "  192.168.100.200  10.0.0.2      7    443  1,234,567  18,446,744,073,709,551,615\n"
              "  … 1 more\n");
    EXPECT_EQ(table_text(table, 0), "flows  hash  2 of 65,536 rows  saturated\n  … 2 more\n");
}

TEST(TableText, OfAnEmptyTableIsItsTitle) {
    auto sample = flow_sample();
    sample.keys.clear();
    EXPECT_EQ(table_text(sample.table()), "flows  hash  0 of 65,536 rows\n");
}

TEST(TableText, ColoursOnlyWhenAsked) {
    auto sample = flow_sample();
    std::string out;
    append_table_text(out, sample.table(), 0, true);
    EXPECT_EQ(out, "\x1b[1mflows\x1b[0m  hash  2 of 65,536 rows\n  \x1b[2m… 2 more\x1b[0m\n");
}

TEST(TableText, NamesTheSideWhereBothHaveAMemberOfThatName) {
    auto sample = flow_sample();
    sample.shape.key = sample.shape.value;
    sample.shape.key_bytes = sizeof(Counters);
    Sample<Counters, Counters> same{.shape = sample.shape, .keys = {{1, 2}}, .values = {{3, 4}}};
    EXPECT_EQ(table_text(same.table()),
              "flows  hash  1 of 65,536 rows\n"
              "  key.packets  key.bytes  value.packets  value.bytes\n"
              "            1          2              3            4\n");
}

TEST(TableText, ShowsSumsOfPerCpuValues) {
    auto sample = percpu_sample();
    sample.values[0] = {1000, -5, {0, 0, 0, 0}, ""};
    sample.values[1] = {500, 2, {10, 0, 0, 1}, "b"};
    Table table = sample.table();
    table.cpus = 2;
    EXPECT_EQ(table_text(table),
              "per_cpu  percpu_hash  1 of 8 rows, sums of 2 CPUs\n"
              "  key  packets  balance  src_ip    name\n"
              "    9    1,500       -3  10.0.0.1  b\n");
}

TEST(TableText, KeepsAnArrayInTheOrderOfItsIndex) {
    const MapShape shape{.name = "histogram",
                         .kind = MapKind::Array,
                         .key_bytes = 4,
                         .value_bytes = 8,
                         .max_entries = 4,
                         .value = u64_type()};
    const std::uint64_t values[] = {5, 0, 7000, 1};
    const std::uint32_t indices[] = {0, 2, 3};
    const Table table{.shape = &shape,
                      .way = ReadWay::Mmap,
                      .rows = 3,
                      .capacity = 4,
                      .values = bytes_of(values),
                      .value_step = 8,
                      .indices = indices};
    EXPECT_EQ(table_text(table),
              "histogram  array  3 of 4 rows\n"
              "  index  value\n"
              "      0      5\n"
              "      2  7,000\n"
              "      3      1\n");
    EXPECT_EQ(table_text(table, 1),
              "histogram  array  3 of 4 rows\n"
              "  index  value\n"
              "      2  7,000\n"
              "  … 2 more\n");
}

TEST(TableText, KeepsAQueueInItsOrderAndShowsNoKey) {
    const MapShape shape{.name = "events",
                         .kind = MapKind::Queue,
                         .value_bytes = 8,
                         .max_entries = 3,
                         .value = u64_type()};
    const std::uint64_t values[] = {1, 3, 2};
    const Table table{.shape = &shape,
                      .way = ReadWay::Lookup,
                      .rows = 3,
                      .capacity = 3,
                      .is_saturated = true,
                      .values = bytes_of(values),
                      .value_step = 8};
    EXPECT_EQ(table_text(table),
              "events  queue  3 of 3 rows  saturated\n"
              "  value\n"
              "      1\n"
              "      3\n"
              "      2\n");
    EXPECT_EQ(nlohmann::json::parse(table_json(table))["entries"][1],
              nlohmann::json::parse(R"({"value":3})"));
}

TEST(TableText, CutsCellsThatAreTooWideToRead) {
    const auto array = std::make_shared<Type>(
        Type{.kind = Type::Kind::Array, .size_bytes = 512, .element = u64_type(), .count = 64});
    const MapShape shape{.name = "wide",
                         .kind = MapKind::Queue,
                         .value_bytes = 512,
                         .max_entries = 1,
                         .value = array};
    const std::uint64_t values[64] = {};
    const Table table{.shape = &shape,
                      .way = ReadWay::Lookup,
                      .rows = 1,
                      .capacity = 1,
                      .values = bytes_of(values),
                      .value_step = 512};
    EXPECT_EQ(table_text(table),
              "wide  queue  1 of 1 rows\n  value\n"
              "  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,…\n");
}

}  // namespace
}  // namespace weir::table

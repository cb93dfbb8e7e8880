// SPDX-License-Identifier: Apache-2.0
// Every kind of map, read by every way it has: the tables are the same, and clear() leaves nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <ostream>
#include <string>
#include <vector>

#include "kernel_map.h"
#include "table/table.h"
#include "table_reader.h"

namespace weir::table {
namespace {

using namespace test;
using bpf::MapKind;

struct Way {
    const char* disable;
    ReadWay way;
};

struct KindCase {
    const char* name;
    MapSetup setup;
    std::vector<Way> ways;
};

const Way kMmap{"", ReadWay::Mmap};
const Way kBatch{"mmap,drain", ReadWay::Batch};
const Way kLookup{"mmap,drain,batch", ReadWay::Lookup};
const Way kDrain{"", ReadWay::Drain};
const Way kPop{"drain", ReadWay::Lookup};

const KindCase kKinds[] = {
    {"array",
     {.kind = MapKind::Array, .max_entries = 300, .is_mmapable = true},
     {kMmap, kBatch, kLookup}},
    {"array_plain", {.kind = MapKind::Array, .max_entries = 300}, {kBatch, kLookup}},
    {"array_odd",
     {.kind = MapKind::Array, .value_bytes = 13, .max_entries = 300, .is_mmapable = true},
     {kMmap, kBatch, kLookup}},
    {"percpu_array",
     {.kind = MapKind::PercpuArray, .value_bytes = 12, .max_entries = 300},
     {kBatch, kLookup}},
    {"hash", {.kind = MapKind::Hash, .max_entries = 300}, {kDrain, kBatch, kLookup}},
    {"hash_odd",
     {.kind = MapKind::Hash, .value_bytes = 13, .max_entries = 300},
     {kDrain, kBatch, kLookup}},
    {"percpu_hash",
     {.kind = MapKind::PercpuHash, .value_bytes = 12, .max_entries = 300},
     {kBatch, kLookup}},
    {"lru_hash", {.kind = MapKind::LruHash, .max_entries = 4096}, {kDrain, kBatch, kLookup}},
    {"lru_percpu_hash", {.kind = MapKind::LruPercpuHash, .max_entries = 4096}, {kBatch, kLookup}},
    {"lpm_trie", {.kind = MapKind::LpmTrie, .max_entries = 300}, {kBatch, kLookup}},
    {"queue", {.kind = MapKind::Queue, .max_entries = 300}, {kDrain, kPop}},
    {"stack", {.kind = MapKind::Stack, .max_entries = 300}, {kDrain, kPop}},
};

void PrintTo(const KindCase& one, std::ostream* out) { *out << one.name; }

class ReadKind : public ::testing::TestWithParam<KindCase> {
protected:
    void SetUp() override {
        if (!test::can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }

    /// Fills, reads by every way, clears; the ways agree and nothing is left.
    void check(std::uint32_t entries) {
        const KernelMap kernel(GetParam().setup);
        Content first;
        for (const Way& way : GetParam().ways) {
            SCOPED_TRACE(read_way_name(way.way));
            Reader reader = make_reader(kernel.map(), kWindowed, way.disable);
            ASSERT_EQ(reader.way(), way.way);
            kernel.fill(entries);
            const Table table = read(reader);
            EXPECT_EQ(table.rows, entries);
            EXPECT_FALSE(table.is_truncated);
            EXPECT_EQ(table.capacity, GetParam().setup.max_entries);
            check_values(table);
            if (first.empty()) first = content_of(table);
            EXPECT_EQ(content_of(table), first);
            clear(reader);
            EXPECT_TRUE(kernel.is_empty());
            EXPECT_EQ(read(reader).rows, 0U);
            clear(reader);
        }
    }

    /// fill() gives key i the value 3 * i + 1 (and CPU c adds c): seen in the first 8 bytes.
    static void check_values(const Table& table) {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < table.rows; ++i) {
            std::uint64_t value = 0;
            std::memcpy(&value, table.value(i), sizeof(value));
            sum += value;
            if (table.shape->key_bytes != 4) continue;
            std::uint32_t key = 0;
            std::memcpy(&key, table.key(i), sizeof(key));
            ASSERT_EQ(value, 3ULL * key + 1);
            for (std::uint32_t cpu = 0; cpu < table.cpus; ++cpu) {
                const std::size_t at =
                    std::size_t{cpu} * bpf::value_stride(table.shape->value_bytes);
                std::memcpy(&value, table.value(i) + at, sizeof(value));
                ASSERT_EQ(value, 3ULL * key + 1 + cpu);
            }
        }
        const std::uint64_t n = table.rows;
        EXPECT_EQ(sum, n == 0 ? 0 : 3 * (n * (n - 1) / 2) + n);
    }
};

class FillKind : public ReadKind {};  // kinds that do not evict before they are full
class KeepKind : public ReadKind {};  // kinds that reading does not empty

TEST_P(ReadKind, IsTheSameByEveryWayWhenEmpty) { check(0); }
TEST_P(ReadKind, IsTheSameByEveryWayWhenHalfFull) { check(GetParam().setup.max_entries / 2); }

TEST_P(ReadKind, ClearsWhatWasNeverRead) {
    const KernelMap kernel(GetParam().setup);
    for (const Way& way : GetParam().ways) {
        SCOPED_TRACE(read_way_name(way.way));
        Reader reader = make_reader(kernel.map(), kWindowed, way.disable);
        kernel.fill(100);
        clear(reader);
        EXPECT_TRUE(kernel.is_empty());
    }
}

TEST_P(FillKind, IsTheSameByEveryWayWhenFull) { check(GetParam().setup.max_entries); }

TEST_P(KeepKind, KeepsAPersistentMapAsItIs) {
    const KernelMap kernel(GetParam().setup);
    kernel.fill(100);
    for (const Way& way : GetParam().ways) {
        Reader reader = make_reader(kernel.map(), kPersistent, way.disable);
        EXPECT_EQ(read(reader).rows, 100U);
        clear(reader);
        EXPECT_EQ(read(reader).rows, 100U) << read_way_name(way.way);
    }
}

std::vector<KindCase> kinds_without(std::initializer_list<MapKind> excluded) {
    std::vector<KindCase> out;
    for (const KindCase& one : kKinds) {
        if (std::ranges::find(excluded, one.setup.kind) == excluded.end()) out.push_back(one);
    }
    return out;
}

std::string case_name(const ::testing::TestParamInfo<KindCase>& one) { return one.param.name; }

INSTANTIATE_TEST_SUITE_P(Kinds, ReadKind, ::testing::ValuesIn(kKinds), case_name);
INSTANTIATE_TEST_SUITE_P(
    Kinds, FillKind, ::testing::ValuesIn(kinds_without({MapKind::LruHash, MapKind::LruPercpuHash})),
    case_name);
INSTANTIATE_TEST_SUITE_P(Kinds, KeepKind,
                         ::testing::ValuesIn(kinds_without({MapKind::Queue, MapKind::Stack})),
                         case_name);
}  // namespace
}  // namespace weir::table

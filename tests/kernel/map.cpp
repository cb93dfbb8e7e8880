// SPDX-License-Identifier: Apache-2.0
// The calls on one map, on real maps of every kind that has them.
#include "bpf/map.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "kernel_map.h"

namespace weir::bpf {
namespace {

using test::KernelMap;

class MapCalls : public ::testing::Test {
protected:
    void SetUp() override {
        if (!test::can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }
};

TEST_F(MapCalls, UpdateLookUpAndErase) {
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 4});
    const std::uint32_t key = 7;
    std::uint64_t value = 42;
    ASSERT_TRUE(hash.map().update(&key, &value));
    value = 0;
    ASSERT_TRUE(hash.map().lookup(&key, &value));
    EXPECT_EQ(value, 42U);
    ASSERT_TRUE(hash.map().erase(&key));
    EXPECT_EQ(hash.map().lookup(&key, &value).error().code, Errc::NotFound);
    EXPECT_EQ(hash.map().erase(&key).error().code, Errc::NotFound);
}

TEST_F(MapCalls, NamesTheCallAndTheErrorOfTheKernel) {
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 1});
    const std::uint32_t keys[] = {1, 2};
    const std::uint64_t value = 1;
    ASSERT_TRUE(hash.map().update(&keys[0], &value));
    const auto full = hash.map().update(&keys[1], &value);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().message, "update: E2BIG");
}

TEST_F(MapCalls, NextKeyWalksToTheEnd) {
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 64});
    hash.fill(50);
    std::set<std::uint32_t> seen;
    std::uint32_t key = 0;
    const void* previous = nullptr;
    while (hash.map().next_key(previous, &key)) {
        ASSERT_TRUE(seen.insert(key).second);
        previous = &key;
    }
    EXPECT_EQ(seen.size(), 50U);
    EXPECT_EQ(hash.map().next_key(&key, &key).error().code, Errc::NotFound);
}

TEST_F(MapCalls, BatchSaysWhenABucketNeedsMoreRoom) {
    const KernelMap hash(test::kCollidingHash);
    const auto keys = test::colliding_keys(3);
    for (const std::uint32_t key : keys) hash.put(key, key);
    std::vector<std::byte> cursor(4);
    std::uint32_t found[8] = {};
    std::uint64_t values[8] = {};
    const auto small = hash.map().lookup_batch(cursor, true, found, values, 2);
    ASSERT_TRUE(small) << small.error().message;
    EXPECT_TRUE(small->needs_room);
    EXPECT_EQ(small->rows, 0U);
    const auto enough = hash.map().lookup_batch(cursor, false, found, values, 8);
    ASSERT_TRUE(enough) << enough.error().message;
    EXPECT_EQ(enough->rows, 3U);
    EXPECT_TRUE(enough->is_last);
}

TEST_F(MapCalls, BatchIsUnsupportedWhereTheKindHasNone) {
    const KernelMap programs({.kind = MapKind::ProgArray, .value_bytes = 4, .max_entries = 2});
    std::vector<std::byte> cursor(4);
    std::uint32_t key = 0;
    std::uint32_t value = 0;
    const auto batch = programs.map().lookup_batch(cursor, true, &key, &value, 1);
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().code, Errc::Unsupported) << batch.error().message;
}

TEST_F(MapCalls, EraseBatchStopsAtTheFirstKeyThatIsGone) {
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 8});
    for (const std::uint32_t key : {1U, 2U, 4U}) hash.put(key, key);
    const std::uint32_t keys[] = {1, 2, 3, 4};
    const auto erased = hash.map().erase_batch(keys, 4);
    ASSERT_TRUE(erased) << erased.error().message;
    EXPECT_EQ(*erased, 2U);
    std::uint64_t value = 0;
    EXPECT_TRUE(hash.map().lookup(&keys[3], &value));
}

TEST_F(MapCalls, UpdateBatchWritesEveryKey) {
    const KernelMap array({.kind = MapKind::Array, .max_entries = 4});
    const std::uint32_t keys[] = {3, 1};
    const std::uint64_t values[] = {33, 11};
    ASSERT_TRUE(array.map().update_batch(keys, values, 2));
    EXPECT_EQ(array.get(3), 33U);
    EXPECT_EQ(array.get(1), 11U);
    EXPECT_EQ(array.get(0), 0U);
}

TEST_F(MapCalls, PerCpuLookupFillsAPlaceForEveryCpu) {
    const KernelMap array({.kind = MapKind::PercpuArray, .value_bytes = 12, .max_entries = 1});
    EXPECT_EQ(array.map().lookup_bytes(), 16U * possible_cpus());
    std::vector<std::byte> written(array.map().lookup_bytes());
    for (std::uint32_t cpu = 0; cpu < possible_cpus(); ++cpu) {
        std::memset(&written[std::size_t{cpu} * 16], static_cast<int>(cpu + 1), 12);
    }
    const std::uint32_t key = 0;
    ASSERT_TRUE(array.map().update(&key, written.data()));
    std::vector<std::byte> read(written.size());
    ASSERT_TRUE(array.map().lookup(&key, read.data()));
    EXPECT_EQ(read, written);
}

TEST_F(MapCalls, PopTakesTheOldestAndEndsWithNotFound) {
    const KernelMap queue({.kind = MapKind::Queue, .max_entries = 2});
    queue.push(5);
    queue.push(6);
    std::uint64_t value = 0;
    ASSERT_TRUE(queue.map().pop(&value));
    EXPECT_EQ(value, 5U);
    ASSERT_TRUE(queue.map().pop(&value));
    EXPECT_EQ(value, 6U);
    EXPECT_EQ(queue.map().pop(&value).error().code, Errc::NotFound);
}

TEST_F(MapCalls, MappedValuesAreTheMapsOwn) {
    const KernelMap array(
        {.kind = MapKind::Array, .value_bytes = 12, .max_entries = 1000, .is_mmapable = true});
    ASSERT_TRUE(array.map().is_mmapable());
    const auto mapped = array.map().map_values();
    ASSERT_TRUE(mapped) << mapped.error().message;
    EXPECT_GE(mapped->bytes().size(), 1000U * 16);
    mapped->bytes()[std::size_t{999} * 16] = std::byte{9};
    const std::uint32_t key = 999;
    std::byte value[12] = {};
    ASSERT_TRUE(array.map().lookup(&key, value));
    EXPECT_EQ(value[0], std::byte{9});
}

TEST_F(MapCalls, AFrozenMapIsMappedForReadingOnly) {
    const KernelMap array({.kind = MapKind::Array, .max_entries = 1, .is_mmapable = true});
    array.put(0, 77);
    array.freeze();
    EXPECT_EQ(array.map().map_values().error().code, Errc::Permission);
    const auto mapped = array.map().map_values(Map::Access::ReadOnly);
    ASSERT_TRUE(mapped) << mapped.error().message;
    EXPECT_EQ(mapped->bytes()[0], std::byte{77});
}

TEST_F(MapCalls, MappingIsRefusedWhereTheMapIsNotMadeForIt) {
    const KernelMap array({.kind = MapKind::Array, .max_entries = 1});
    const auto mapped = array.map().map_values();
    ASSERT_FALSE(mapped);
    EXPECT_EQ(mapped.error().code, Errc::Unsupported);
}

TEST(MapKinds, HaveTheKernelsNames) {
    EXPECT_EQ(kind_name(MapKind::Hash), "hash");
    EXPECT_EQ(kind_name(MapKind::LruPercpuHash), "lru_percpu_hash");
    EXPECT_EQ(kind_name(MapKind::LpmTrie), "lpm_trie");
    EXPECT_EQ(kind_name(MapKind::DevmapHash), "devmap_hash");
    EXPECT_EQ(kind_name(static_cast<MapKind>(9999)), "kind 9999");
}

TEST(MapKinds, KnowWhichArePerCpu) {
    EXPECT_TRUE(is_percpu(MapKind::LruPercpuHash));
    EXPECT_FALSE(is_percpu(MapKind::LruHash));
    EXPECT_GE(possible_cpus(), 1U);
}

}  // namespace
}  // namespace weir::bpf

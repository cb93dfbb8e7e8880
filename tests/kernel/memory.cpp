// SPDX-License-Identifier: Apache-2.0
// What a map is said to take before it exists, against what the kernel says that it took.
#include "probe/memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "kernel_map.h"
#include "probe/read_size.h"
#include "table_reader.h"
#include "util/memory.h"

namespace weir {
namespace {

using bpf::MapKind;
using test::KernelMap;
using test::MapSetup;

/// Bytes that /proc/self/fdinfo says of the map (kernel/bpf/syscall.c:bpf_map_show_fdinfo); exact
/// since 6.4.
std::uint64_t memory_of(int fd) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
    constexpr std::string_view kKey = "memlock:";
    for (std::string line; std::getline(info, line);)
        if (line.starts_with(kKey)) return std::strtoull(line.c_str() + kKey.size(), nullptr, 10);
    return 0;
}

std::string setup_name(const ::testing::TestParamInfo<MapSetup>& test) {
    const MapSetup& s = test.param;
    std::string kind = bpf::kind_name(s.kind);
    std::erase(kind, '_');
    return kind + "_" + std::to_string(s.key_bytes) + "_" + std::to_string(s.value_bytes) + "_" +
           std::to_string(s.max_entries);
}

class MemoryOf : public ::testing::TestWithParam<MapSetup> {};

TEST_P(MemoryOf, IsKnownBeforehandWithinATenth) {
    if (!test::can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    const KernelMap kernel(GetParam());
    const auto real = static_cast<double>(memory_of(kernel.map().fd()));
    const auto estimate = static_cast<double>(estimate_map_bytes(kernel.map().shape()));
    ASSERT_GT(real, 0);
    EXPECT_LT(estimate, real * 1.1);
    EXPECT_GT(estimate, real * 0.9);
}

std::vector<MapSetup> setups() {
    std::vector<MapSetup> all;
    for (const MapKind kind : {MapKind::Array, MapKind::PercpuArray, MapKind::Hash,
                               MapKind::PercpuHash, MapKind::LruHash, MapKind::LruPercpuHash})
        for (const std::uint32_t value_bytes : {8U, 60U, 384U})
            for (const std::uint32_t entries : {10'000U, 65'536U})
                all.push_back({.kind = kind, .value_bytes = value_bytes, .max_entries = entries});
    for (const std::uint32_t key_bytes : {2U, 13U, 40U})
        all.push_back({.kind = MapKind::Hash, .key_bytes = key_bytes, .max_entries = 10'000});
    for (const MapKind kind : {MapKind::Queue, MapKind::Stack})
        for (const std::uint32_t value_bytes : {4U, 60U})
            all.push_back(
                {.kind = kind, .key_bytes = 0, .value_bytes = value_bytes, .max_entries = 10'000});
    all.push_back(
        {.kind = MapKind::Array, .value_bytes = 384, .max_entries = 131'072, .is_mmapable = true});
    return all;
}

INSTANTIATE_TEST_SUITE_P(Memory, MemoryOf, ::testing::ValuesIn(setups()), setup_name);

TEST(Memory, CountsWhatClonesShareOnce) {
    std::vector<bpf::MapSpec> maps(2);
    for (bpf::MapSpec& map : maps)
        map.shape = {.kind = MapKind::Array, .value_bytes = 12, .max_entries = 1000};
    const MapPolicy windowed{.map_class = MapClass::Windowed, .reason = "test"};
    const MapPolicy persistent{.map_class = MapClass::Persistent, .reason = "test"};
    const MapPolicy policies[] = {windowed, persistent};
    EXPECT_EQ(estimate_pair_bytes(maps, policies), 3 * 16'000U);
}

// ---- drains ----

/// Of all maps that the process has open, each once: by map_id, a line that programs do not have.
std::uint64_t memory_of_open_maps() {
    std::map<std::string, std::uint64_t> memory;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream info(entry.path());
        for (std::string line; std::getline(info, line);)
            if (line.starts_with("map_id:"))
                memory[line] = memory_of(std::atoi(entry.path().filename().c_str()));
    }
    std::uint64_t sum = 0;
    for (const auto& [id, bytes] : memory) sum += bytes;
    return sum;
}

class MemoryOfADrain : public ::testing::TestWithParam<MapSetup> {};

TEST_P(MemoryOfADrain, IsKnownBeforehandWithinATenth) {
    if (!test::can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    const KernelMap kernel(GetParam());
    const std::uint64_t before = memory_of_open_maps();
    const table::Reader reader = test::make_reader(kernel.map());
    if (reader.way() != table::ReadWay::Drain) GTEST_SKIP() << "this kernel has no drains";
    const auto size = drain_size(kernel.map().shape(), test::kWindowed);
    ASSERT_TRUE(size.has_value());
    const auto real = static_cast<double>(memory_of_open_maps() - before);
    for (const std::uint64_t said : {size->bytes(), std::uint64_t{reader.drain_bytes()}}) {
        EXPECT_LT(static_cast<double>(said), real * 1.1);
        EXPECT_GT(static_cast<double>(said), real * 0.9);
    }
}

std::vector<MapSetup> drained_setups() {
    std::vector<MapSetup> all;
    for (const MapKind kind : {MapKind::Hash, MapKind::LruHash, MapKind::Queue, MapKind::Stack})
        for (const std::uint32_t value_bytes : {12U, 60U})
            all.push_back({.kind = kind,
                           .key_bytes = kind == MapKind::Hash ? 13U : 4U,
                           .value_bytes = value_bytes,
                           .max_entries = 20'000});
    return all;
}

INSTANTIATE_TEST_SUITE_P(Memory, MemoryOfADrain, ::testing::ValuesIn(drained_setups()), setup_name);

TEST(DrainSize, IsNoneWhereAMapIsNotDrained) {
    const auto is_drained = [](MapKind kind, const MapPolicy& policy, const char* disabled = "") {
        const bpf::MapShape shape{
            .kind = kind, .key_bytes = 4, .value_bytes = 8, .max_entries = 100};
        std::optional<test::Disable> disable(disabled);
        const bool is = drain_size(shape, policy).has_value();
        disable.reset();
        if (!test::can_create_maps()) return is;
        const KernelMap kernel({.kind = kind, .max_entries = 100});
        const table::Reader reader = test::make_reader(kernel.map(), policy, disabled);
        EXPECT_EQ(reader.drain_bytes() > 0, is) << bpf::kind_name(kind);
        return is;
    };
    const MapPolicy windowed = test::kWindowed;
    const MapPolicy persistent = test::kPersistent;
    MapPolicy emptied = persistent;
    emptied.clear_after_window = true;
    for (const MapKind kind : {MapKind::Hash, MapKind::LruHash}) {
        EXPECT_TRUE(is_drained(kind, windowed));
        EXPECT_FALSE(is_drained(kind, emptied));
        EXPECT_FALSE(is_drained(kind, persistent));
    }
    for (const MapKind kind : {MapKind::Queue, MapKind::Stack}) {
        EXPECT_TRUE(is_drained(kind, windowed));
        EXPECT_TRUE(is_drained(kind, emptied));
        EXPECT_FALSE(is_drained(kind, persistent));
    }
    for (const MapKind kind :
         {MapKind::Array, MapKind::PercpuArray, MapKind::PercpuHash, MapKind::LruPercpuHash})
        EXPECT_FALSE(is_drained(kind, windowed)) << bpf::kind_name(kind);
    EXPECT_FALSE(is_drained(MapKind::Hash, windowed, "drain"));
    EXPECT_FALSE(is_drained(MapKind::Queue, windowed, "drain"));
}

TEST(Memory, CountsWhatDrainsHold) {
    std::vector<bpf::MapSpec> maps(2);
    maps[0].shape = {
        .kind = MapKind::Queue, .key_bytes = 0, .value_bytes = 12, .max_entries = 1000};
    maps[1].shape = {
        .kind = MapKind::Stack, .key_bytes = 0, .value_bytes = 12, .max_entries = 1000};
    const MapPolicy windowed = test::kWindowed;
    MapPolicy kept = test::kPersistent;
    constexpr std::uint64_t kQueue = 1001 * 12;        // one place more than entries
    constexpr std::uint64_t kRows = (1000 + 64) * 16;  // a few rows more, each a multiple of 8
    const MapPolicy policies[] = {windowed, kept};
    EXPECT_EQ(estimate_pair_bytes(maps, policies), 2 * (kQueue + kRows) + kQueue);
    kept.clear_after_window = true;
    const MapPolicy emptied[] = {windowed, kept};
    EXPECT_EQ(estimate_pair_bytes(maps, emptied), 3 * (kQueue + kRows));
}

TEST(Memory, IsRefusedWhenThereIsLess) {
    EXPECT_TRUE(require_memory(0).has_value());
    EXPECT_TRUE(require_memory(1 << 20).has_value());
    const auto refused = require_memory(1ULL << 50);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::Io);
    const std::string& message = refused.error().message;
    EXPECT_TRUE(message.contains("need " + bytes_text(1ULL << 50) + " for")) << message;
    const auto available = available_memory_bytes();
    ASSERT_TRUE(available.has_value());
    const std::string unit = bytes_text(*available).substr(bytes_text(*available).find(' '));
    EXPECT_TRUE(message.contains(unit + " of memory are left")) << message;
    EXPECT_TRUE(refused.error().hint.contains("max_flows")) << refused.error().hint;
}

}  // namespace
}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
// What a map is said to take before it exists, against what the kernel says that it took.
#include "probe/memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "kernel_map.h"
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
        for (const std::uint32_t value_bytes : {8U, 60U, 392U})
            for (const std::uint32_t entries : {10'000U, 65'536U})
                all.push_back({.kind = kind, .value_bytes = value_bytes, .max_entries = entries});
    for (const std::uint32_t key_bytes : {2U, 13U, 40U})
        all.push_back({.kind = MapKind::Hash, .key_bytes = key_bytes, .max_entries = 10'000});
    for (const MapKind kind : {MapKind::Queue, MapKind::Stack})
        for (const std::uint32_t value_bytes : {4U, 60U})
            all.push_back(
                {.kind = kind, .key_bytes = 0, .value_bytes = value_bytes, .max_entries = 10'000});
    all.push_back(
        {.kind = MapKind::Array, .value_bytes = 392, .max_entries = 131'072, .is_mmapable = true});
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

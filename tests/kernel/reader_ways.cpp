// SPDX-License-Identifier: Apache-2.0
// Every way of reading a map against what was written into it, byte for byte: odd sizes, empty,
// half full, full, colliding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "kernel_map.h"
#include "table/drain.h"
#include "table/table.h"
#include "table_reader.h"

namespace weir::table {
namespace {

using namespace test;
using bpf::MapKind;
using Bytes = std::vector<std::byte>;

/// Bytes that differ from entry to entry and from place to place, whatever their number.
Bytes pattern(std::size_t bytes, std::uint32_t entry) {
    Bytes out(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
        out[i] = static_cast<std::byte>((entry * 7 + i * 13 + (entry >> 8)) % 251 + 1);
    return out;
}

/// Values of a table, row by row.
std::vector<Bytes> values_of(const Table& table) {
    std::vector<Bytes> out;
    out.reserve(table.rows);
    for (std::size_t i = 0; i < table.rows; ++i)
        out.emplace_back(table.value(i), table.value(i) + table.shape->value_bytes);
    return out;
}

struct QueueCase {
    MapKind kind;
    std::uint32_t value_bytes;
};

void PrintTo(const QueueCase& one, std::ostream* out) {
    *out << bpf::kind_name(one.kind) << " of " << one.value_bytes;
}

class QueueWays : public ::testing::TestWithParam<QueueCase> {
protected:
    static constexpr std::uint32_t kCapacity = 300;

    void SetUp() override {
        if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }

    [[nodiscard]] static KernelMap make() {
        return KernelMap({.kind = GetParam().kind,
                          .value_bytes = GetParam().value_bytes,
                          .max_entries = kCapacity});
    }

    /// Pushes so many, and returns them in the order of popping.
    [[nodiscard]] static std::vector<Bytes> push(const KernelMap& kernel, std::uint32_t entries) {
        std::vector<Bytes> pushed;
        for (std::uint32_t i = 0; i < entries; ++i) {
            pushed.push_back(pattern(GetParam().value_bytes, i));
            EXPECT_TRUE(kernel.map().update(nullptr, pushed.back().data()));
        }
        if (GetParam().kind == MapKind::Stack) std::ranges::reverse(pushed);
        return pushed;
    }
};

TEST_P(QueueWays, GiveTheSameRowsInTheOrderOfPopping) {
    const KernelMap kernel = make();
    const std::pair<const char*, ReadWay> ways[] = {{"", ReadWay::Drain},
                                                    {"drain", ReadWay::Lookup}};
    for (const auto& [disable, way] : ways) {
        Reader reader = make_reader(kernel.map(), kWindowed, disable);
        ASSERT_EQ(reader.way(), way);
        for (const std::uint32_t entries : {0U, kCapacity / 2, kCapacity, 1U}) {
            SCOPED_TRACE(std::string(read_way_name(way)) + " of " + std::to_string(entries));
            const auto pushed = push(kernel, entries);
            const Table table = read(reader);
            EXPECT_EQ(table.way, way);
            EXPECT_EQ(values_of(table), pushed);
            EXPECT_FALSE(table.is_truncated);
            EXPECT_EQ(table.is_saturated, entries == kCapacity);
            EXPECT_TRUE(kernel.is_empty());
        }
    }
}

TEST_P(QueueWays, DrainPopsAsMuchAsItHoldsByEitherHook) {
    constexpr std::uint32_t kRows = 100;
    for (const Drain::Hook hook : {Drain::Hook::Syscall, Drain::Hook::RawTracepoint}) {
        const KernelMap kernel = make();
        auto drain = Drain::create(kernel.map(), kRows, hook);
        ASSERT_TRUE(drain) << drain.error().message << drain.error().log;
        const auto pushed = push(kernel, 2 * kRows + 7);
        const std::size_t stride = bpf::value_stride(GetParam().value_bytes);
        std::vector<Bytes> popped;
        for (const std::uint32_t expected : {kRows, kRows, 7U, 0U}) {
            const auto drained = drain->empty(kernel.map());
            ASSERT_TRUE(drained) << drained.error().message;
            EXPECT_EQ(drained->count, expected);
            EXPECT_EQ(drained->is_full, expected == kRows);
            for (std::size_t i = 0; i < drained->count; ++i) {
                const std::byte* row = drain->rows() + i * stride;
                popped.emplace_back(row, row + GetParam().value_bytes);
            }
        }
        EXPECT_EQ(popped, pushed);
    }
}

std::vector<QueueCase> queue_cases() {
    std::vector<QueueCase> cases;
    for (const MapKind kind : {MapKind::Queue, MapKind::Stack})
        for (const std::uint32_t bytes : {1U, 3U, 7U, 8U, 12U, 40U, 256U, 4096U})
            cases.push_back({.kind = kind, .value_bytes = bytes});
    return cases;
}

INSTANTIATE_TEST_SUITE_P(Sizes, QueueWays, ::testing::ValuesIn(queue_cases()),
                         [](const ::testing::TestParamInfo<QueueCase>& one) {
                             return bpf::kind_name(one.param.kind) + "_" +
                                    std::to_string(one.param.value_bytes);
                         });

struct HashCase {
    MapKind kind;
    std::uint32_t key_bytes;
    std::uint32_t value_bytes;
    std::uint32_t capacity = 300;
    bool is_colliding = false;  // all keys in one bucket
};

void PrintTo(const HashCase& one, std::ostream* out) {
    *out << bpf::kind_name(one.kind) << " " << one.key_bytes << " -> " << one.value_bytes;
}

class HashWays : public ::testing::TestWithParam<HashCase> {
protected:
    void SetUp() override {
        if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }

    [[nodiscard]] static KernelMap make() {
        const HashCase& one = GetParam();
        return KernelMap({.kind = one.kind,
                          .key_bytes = one.key_bytes,
                          .value_bytes = one.value_bytes,
                          .max_entries = one.capacity,
                          .flags = one.is_colliding ? kCollidingHash.flags : 0U});
    }

    [[nodiscard]] static Bytes key_of(std::uint32_t entry) {
        Bytes key(GetParam().key_bytes, std::byte{0x5a});
        const std::uint32_t word = GetParam().is_colliding ? colliding_[entry] : entry;
        std::memcpy(key.data(), &word, std::min(key.size(), sizeof(word)));
        return key;
    }

    /// Writes so many entries, and returns what the table must hold.
    [[nodiscard]] static Content write(const KernelMap& kernel, std::uint32_t entries) {
        const std::size_t step = bpf::value_stride(GetParam().value_bytes);
        const bool is_percpu = bpf::is_percpu(GetParam().kind);
        Content written;
        for (std::uint32_t i = 0; i < entries; ++i) {
            const Bytes key = key_of(i);
            Bytes value = pattern(GetParam().value_bytes, i);
            if (is_percpu) value.resize(step * bpf::possible_cpus());
            for (std::size_t cpu = 1; is_percpu && cpu < bpf::possible_cpus(); ++cpu) {
                const Bytes other =
                    pattern(GetParam().value_bytes, i + 17 * static_cast<std::uint32_t>(cpu));
                std::ranges::copy(other, value.begin() + static_cast<std::ptrdiff_t>(cpu * step));
            }
            EXPECT_TRUE(kernel.map().update(key.data(), value.data()));
            written.emplace(text_of(key), text_of(value));
        }
        return written;
    }

private:
    static std::string text_of(const Bytes& bytes) {
        std::string text(bytes.size(), '\0');
        if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
        return text;
    }
    static inline const std::vector<std::uint32_t> colliding_ = colliding_keys(1024);
};

TEST_P(HashWays, GiveTheSameRowsAndLeaveNone) {
    const KernelMap kernel = make();
    const std::uint32_t capacity = GetParam().capacity;
    const bool is_lru = GetParam().kind == MapKind::LruHash;
    const bool has_drain = GetParam().kind == MapKind::Hash || is_lru;
    const std::pair<const char*, ReadWay> ways[] = {
        {"", has_drain ? ReadWay::Drain : ReadWay::Batch},
        {"batch", has_drain ? ReadWay::Drain : ReadWay::Lookup},
        {"drain", ReadWay::Batch},
        {"drain,batch", ReadWay::Lookup}};
    for (const auto& [disable, way] : ways) {
        Reader reader = make_reader(kernel.map(), kWindowed, disable);
        ASSERT_EQ(reader.way(), way);
        // An LRU that is nearly full evicts.
        const std::uint32_t full = is_lru ? capacity / 2 : capacity;
        for (const std::uint32_t entries : {full, 0U, 1U, full / 2, full, 2U}) {
            SCOPED_TRACE(std::string("disabled '") + disable + "', " + std::to_string(entries));
            const Content written = write(kernel, entries);
            const Table table = read(reader);
            EXPECT_EQ(content_of(table), written);
            EXPECT_FALSE(table.is_truncated);
            clear(reader);
            EXPECT_TRUE(kernel.is_empty());
        }
    }
}

std::vector<HashCase> hash_cases() {
    std::vector<HashCase> cases;
    for (const MapKind kind : {MapKind::Hash, MapKind::PercpuHash})
        for (const auto& [key, value] : std::initializer_list<std::pair<unsigned, unsigned>>{
                 {4, 1}, {6, 3}, {7, 7}, {4, 8}, {13, 12}, {16, 40}, {37, 256}, {300, 4096}})
            cases.push_back({.kind = kind, .key_bytes = key, .value_bytes = value});
    cases.push_back(
        {.kind = MapKind::LruHash, .key_bytes = 12, .value_bytes = 20, .capacity = 4096});
    cases.push_back({.kind = MapKind::Hash, .key_bytes = 2, .value_bytes = 264, .capacity = 8});
    cases.push_back({.kind = MapKind::Hash,
                     .key_bytes = 4,
                     .value_bytes = 8,
                     .capacity = kCollidingHash.max_entries,
                     .is_colliding = true});
    return cases;
}

INSTANTIATE_TEST_SUITE_P(Sizes, HashWays, ::testing::ValuesIn(hash_cases()),
                         [](const ::testing::TestParamInfo<HashCase>& one) {
                             return bpf::kind_name(one.param.kind) + "_" +
                                    std::to_string(one.param.key_bytes) + "_" +
                                    std::to_string(one.param.value_bytes) +
                                    (one.param.is_colliding ? "_colliding" : "");
                         });

class Drains : public ::testing::Test {
protected:
    void SetUp() override {
        if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }
};

TEST_F(Drains, AreRefusedForAMapThatCannotBePopped) {
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 8});
    for (const Drain::Hook hook : {Drain::Hook::Syscall, Drain::Hook::RawTracepoint}) {
        const auto drain = Drain::create(hash.map(), 8, hook);
        ASSERT_FALSE(drain);
        EXPECT_EQ(drain.error().code, Errc::Rejected) << drain.error().message;
    }
}

TEST_F(Drains, FallBackToPoppingWhereProgramsMayNotWriteTheMap) {
    const KernelMap queue({.kind = MapKind::Queue, .max_entries = 8, .flags = BPF_F_RDONLY_PROG});
    Reader reader = make_reader(queue.map());
    EXPECT_EQ(reader.way(), ReadWay::Lookup);
    queue.push(5);
    EXPECT_EQ(read(reader).rows, 1U);
}

TEST_F(Drains, OfAHashAreLeftToBatchesWhileItIsNearlyEmpty) {
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 1024});
    Reader reader = make_reader(hash.map());
    const std::pair<std::uint32_t, ReadWay> windows[] = {
        {10, ReadWay::Drain},    // of the first nothing is known
        {1000, ReadWay::Batch},  // each is taken to be as full as the one before it
        {10, ReadWay::Drain},
        {0, ReadWay::Batch}};
    for (const auto& [entries, way] : windows) {
        hash.fill(entries);
        const Table table = read(reader);
        EXPECT_EQ(table.way, way) << entries;
        EXPECT_EQ(table.rows, entries);
        clear(reader);
        EXPECT_TRUE(hash.is_empty());
    }
}

TEST_F(Drains, ReadMoreRowsThanOneRunPops) {
    constexpr std::uint32_t kRows = (1U << 20) + 3;  // one run pops 2^20
    const KernelMap queue({.kind = MapKind::Queue, .value_bytes = 4, .max_entries = kRows});
    for (std::uint32_t i = 0; i < kRows; ++i) ASSERT_TRUE(queue.map().update(nullptr, &i));
    Reader reader = make_reader(queue.map());
    const Table table = read(reader);
    ASSERT_EQ(table.way, ReadWay::Drain);
    ASSERT_EQ(table.rows, kRows);
    for (std::uint32_t i = 0; i < kRows; ++i)
        ASSERT_EQ(std::memcmp(table.value(i), &i, sizeof(i)), 0) << "row " << i;
    EXPECT_TRUE(queue.is_empty());
}

}  // namespace
}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
// Readers of maps that are large, colliding, evicting, frozen, unreadable, or written while they
// are read.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "kernel_map.h"
#include "table/render.h"
#include "table/table.h"
#include "table_fixture.h"
#include "table_reader.h"

namespace weir::table {
namespace {

using namespace test;
using bpf::MapKind;

class ReaderOf : public ::testing::Test {
protected:
    void SetUp() override {
        if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }
};

TEST_F(ReaderOf, HashReadsABucketLargerThanItsFirstBatch) {
    MapSetup setup = test::kCollidingHash;
    setup.value_bytes = 16384;  // so large that a first batch asks for a few rows only
    setup.flags |= BPF_F_NO_PREALLOC;
    const KernelMap kernel(setup);
    const auto keys = test::colliding_keys(300);
    for (const std::uint32_t key : keys) kernel.put(key, key + 1ULL);
    Reader batch = make_reader(kernel.map(), kWindowed, "drain");
    Reader lookup = make_reader(kernel.map(), kWindowed, "drain,batch");
    const Content expected = content_of(read(lookup));
    EXPECT_EQ(expected.size(), keys.size());
    EXPECT_EQ(content_of(read(batch)), expected);
    clear(batch);
    EXPECT_TRUE(kernel.is_empty());
}

TEST_F(ReaderOf, HashReadsManyBatches) {
    const KernelMap kernel({.kind = MapKind::Hash, .max_entries = 100'000});
    kernel.fill(100'000);
    Reader reader = make_reader(kernel.map());
    const Table table = read(reader);
    EXPECT_EQ(table.rows, 100'000U);
    EXPECT_EQ(content_of(table).size(), 100'000U);
    EXPECT_TRUE(table.is_saturated);
    clear(reader);
    EXPECT_TRUE(kernel.is_empty());
}

TEST_F(ReaderOf, SaturationFollowsTheKind) {
    const auto is_saturated = [](const MapSetup& setup, std::uint32_t entries) {
        const KernelMap kernel(setup);
        kernel.fill(entries);
        Reader reader = make_reader(kernel.map());
        return read(reader).is_saturated;
    };
    EXPECT_TRUE(is_saturated({.kind = MapKind::Hash, .max_entries = 10}, 10));
    EXPECT_FALSE(is_saturated({.kind = MapKind::Hash, .max_entries = 10}, 9));
    EXPECT_TRUE(is_saturated({.kind = MapKind::Queue, .max_entries = 10}, 10));
    EXPECT_FALSE(is_saturated({.kind = MapKind::Stack, .max_entries = 10}, 9));
    EXPECT_FALSE(is_saturated({.kind = MapKind::Array, .max_entries = 10}, 10));
    EXPECT_TRUE(is_saturated({.kind = MapKind::LruHash, .max_entries = 4096}, 4500));
    EXPECT_FALSE(is_saturated({.kind = MapKind::LruHash, .max_entries = 4096}, 3000));
}

TEST_F(ReaderOf, LruReadsAndClearsWhatEvictionLeft) {
    const KernelMap kernel({.kind = MapKind::LruHash, .max_entries = 4096});
    Reader drain = make_reader(kernel.map());
    Reader batch = make_reader(kernel.map(), kWindowed, "drain");
    Reader lookup = make_reader(kernel.map(), kWindowed, "drain,batch");
    kernel.fill(5000);
    const Table table = read(lookup);
    EXPECT_GE(table.rows, 3600U);
    EXPECT_LE(table.rows, 4096U);
    const Content expected = content_of(table);
    EXPECT_EQ(content_of(read(drain)), expected);
    EXPECT_EQ(content_of(read(batch)), expected);
    clear(batch);
    EXPECT_TRUE(kernel.is_empty());
}

TEST_F(ReaderOf, HashIsEmptyAfterClearThoughEntriesCameAndWent) {
    for (const char* disable : {"", "drain", "drain,batch"}) {
        for (const MapKind kind : {MapKind::Hash, MapKind::LruHash, MapKind::PercpuHash}) {
            const KernelMap kernel({.kind = kind, .max_entries = 1024});
            kernel.fill(200);
            Reader reader = make_reader(kernel.map(), kWindowed, disable);
            EXPECT_EQ(read(reader).rows, 200U);
            for (const std::uint32_t gone : {0U, 77U, 78U, 199U}) {
                (void)kernel.map().erase(&gone);  // a batch has taken it already
            }
            for (std::uint32_t late = 500; late < 540; ++late) kernel.put(late, 1);
            clear(reader);
            EXPECT_TRUE(kernel.is_empty()) << bpf::kind_name(kind) << " disable=" << disable;
        }
    }
}

TEST_F(ReaderOf, ArrayFindsAnEntryByAnyByteOfIt) {
    const KernelMap kernel(
        {.kind = MapKind::Array, .value_bytes = 200, .max_entries = 64, .is_mmapable = true});
    for (std::uint32_t i = 0; i < 64; i += 3) {
        std::vector<std::byte> value(200);
        value[i * 3] = std::byte{1};
        ASSERT_TRUE(kernel.map().update(&i, value.data()));
    }
    for (const char* disable : {"", "mmap", "mmap,batch"}) {
        Reader reader = make_reader(kernel.map(), kPersistent, disable);
        EXPECT_EQ(read(reader).rows, 22U) << disable;
    }
}

TEST_F(ReaderOf, QueueGivesTheOldestFirstAndStackTheNewest) {
    const KernelMap queue({.kind = MapKind::Queue, .max_entries = 4});
    const KernelMap stack({.kind = MapKind::Stack, .max_entries = 4});
    queue.fill(3);
    stack.fill(3);
    Reader queue_reader = make_reader(queue.map());
    Reader stack_reader = make_reader(stack.map());
    const Table oldest = read(queue_reader);
    const Table newest = read(stack_reader);
    ASSERT_EQ(oldest.rows, 3U);
    EXPECT_EQ(oldest.key(0), nullptr);
    EXPECT_EQ(*oldest.value(0), std::byte{1});
    EXPECT_EQ(*oldest.value(2), std::byte{7});
    EXPECT_EQ(*newest.value(0), std::byte{7});
}

TEST_F(ReaderOf, KindsThatCannotBeReadAreListedOnly) {
    for (const MapKind kind :
         {MapKind::ProgArray, MapKind::Devmap, MapKind::Cpumap, MapKind::PerfEventArray}) {
        const KernelMap kernel({.kind = kind, .value_bytes = 4, .max_entries = 2});
        Reader reader = make_reader(kernel.map(), kWindowed);
        EXPECT_EQ(reader.way(), ReadWay::None) << bpf::kind_name(kind);
        const Table table = read(reader);
        EXPECT_EQ(table.rows, 0U);
        EXPECT_EQ(table.capacity, 2U);
        clear(reader);
    }
    const KernelMap closed({.kind = MapKind::Hash, .max_entries = 2, .flags = BPF_F_WRONLY});
    EXPECT_EQ(make_reader(closed.map()).way(), ReadWay::None);
}

TEST_F(ReaderOf, AValueTypeLargerThanTheValueIsNotBelieved) {
    const KernelMap kernel({.kind = MapKind::Hash, .max_entries = 2});
    kernel.put(1, 0x0102);
    bpf::MapShape shape = kernel.map().shape();
    shape.value = test::fixture_type("network", BTF_KIND_STRUCT);
    Reader reader = make_reader(bpf::Map(shape, kernel.map().fd()));
    std::string json;
    append_table_json(json, read(reader), 10);
    EXPECT_EQ(nlohmann::json::parse(json)["entries"][0]["value"], "0201000000000000");
}

TEST_F(ReaderOf, GlobalsAreOneRowAndGetTheirImageBack) {
    struct Globals {
        std::uint64_t packets;
        std::uint32_t preset;
    };
    for (const char* disable : {"", "mmap", "mmap,batch"}) {
        const KernelMap kernel({.kind = MapKind::Array,
                                .value_bytes = sizeof(Globals),
                                .is_mmapable = true,
                                .is_globals = true});
        const Globals image{.packets = 0, .preset = 5};
        Reader bss = make_reader(kernel.map(), kWindowed, disable);
        Reader data =
            make_reader(kernel.map(), kWindowed, disable, std::as_bytes(std::span(&image, 1)));
        EXPECT_EQ(read(bss).rows, 1U) << "shown also where every variable is zero, " << disable;
        const std::uint32_t first = 0;
        const Globals counted{.packets = 9, .preset = 6};
        ASSERT_TRUE(kernel.map().update(&first, &counted));
        EXPECT_EQ(std::memcmp(read(data).value(0), &counted, 12), 0);
        clear(data);
        Globals now{};
        ASSERT_TRUE(kernel.map().lookup(&first, &now));
        EXPECT_EQ(now.packets, 0U);
        EXPECT_EQ(now.preset, 5U) << disable;
        (void)read(bss);
        clear(bss);
        EXPECT_TRUE(kernel.is_empty());
    }
}

TEST_F(ReaderOf, FrozenGlobalsAreRead) {
    const KernelMap kernel({.kind = MapKind::Array, .is_mmapable = true, .is_globals = true});
    kernel.put(0, 3);
    kernel.freeze();
    Reader reader =
        make_reader(kernel.map(), MapPolicy{.map_class = MapClass::Fixed, .reason = "test"});
    EXPECT_EQ(reader.way(), ReadWay::Mmap);
    EXPECT_EQ(*read(reader).value(0), std::byte{3});
}

TEST_F(ReaderOf, LoadedObjectDecodesByItsBtf) {
    const auto object = test::open_fixture();
    ASSERT_EQ(bpf_object__load(object.get()), 0);
    bpf_map* map = bpf_object__find_map_by_name(object.get(), "flows");
    const btf* btf = bpf_object__btf(object.get());
    const bpf::MapShape shape{.name = "flows",
                              .kind = MapKind::Hash,
                              .key_bytes = bpf_map__key_size(map),
                              .value_bytes = bpf_map__value_size(map),
                              .max_entries = bpf_map__max_entries(map),
                              .key = bpf::make_type(btf, bpf_map__btf_key_type_id(map)),
                              .value = bpf::make_type(btf, bpf_map__btf_value_type_id(map))};
    const std::uint8_t key[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0, 80};
    const std::uint64_t value[2] = {3, 180};
    ASSERT_EQ(bpf_map__update_elem(map, key, sizeof(key), value, sizeof(value), BPF_ANY), 0);
    Reader reader = make_reader(bpf::Map(shape, bpf_map__fd(map)));
    std::string json;
    append_table_json(json, read(reader), 10);
    EXPECT_EQ(
        json,
        R"({"kind":"hash","class":"windowed","rows":1,"capacity":16,"saturated":false,)"
        R"("read":"drain","entries":[{"key":{"saddr":"10.0.0.1","daddr":"10.0.0.2",)"
        R"("sport":40000,"dport":80},"value":{"packets":3,"bytes":180}}],"truncated":false})");
}

/// Writes into a map from another thread until it is stopped.
class Writer {
public:
    explicit Writer(const KernelMap& kernel) : thread_([this, &kernel] { run(kernel); }) {
        while (rounds_.load() == 0) std::this_thread::yield();
    }
    ~Writer() {
        stop_ = true;
        thread_.join();
    }
    [[nodiscard]] std::uint64_t rounds() const { return rounds_; }

private:
    void run(const KernelMap& kernel) {
        std::uint32_t next = 0;
        while (!stop_) {
            for (int i = 0; i < 64; ++i, ++next) {
                const test::Prefix prefix{
                    32,
                    {10, 0, static_cast<std::uint8_t>(next >> 8), static_cast<std::uint8_t>(next)}};
                const bool is_lpm = kernel.map().shape().kind == MapKind::LpmTrie;
                const std::uint32_t word = next % 4096;
                const void* key = is_lpm ? static_cast<const void*>(&prefix) : &word;
                const std::vector<std::uint64_t> value(kernel.map().lookup_bytes() / 8, 7);
                (void)kernel.map().update(key, value.data());
                if (next % 2 == 1) (void)kernel.map().erase(key);
            }
            if (next % 4096 == 0) drop_all(kernel);
            ++rounds_;
        }
    }

    static void drop_all(const KernelMap& kernel) {
        std::vector<std::byte> key(8);
        while (kernel.map().next_key(nullptr, key.data())) (void)kernel.map().erase(key.data());
    }

    std::atomic<bool> stop_ = false;
    std::atomic<std::uint64_t> rounds_ = 0;
    std::thread thread_;
};

TEST_F(ReaderOf, PersistentMapMayBeWrittenWhileItIsRead) {
    for (const MapKind kind :
         {MapKind::Hash, MapKind::LruHash, MapKind::PercpuHash, MapKind::LpmTrie}) {
        for (const char* disable : {"", "batch"}) {
            const KernelMap kernel({.kind = kind, .max_entries = 2048});
            Reader reader = make_reader(kernel.map(), kPersistent, disable);
            ASSERT_NE(reader.way(), ReadWay::Drain) << "it walks without locks";
            const Writer writer(kernel);
            const std::uint64_t before = writer.rounds();
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
            std::size_t most = 0;
            for (int reads = 0; reads < 100 || writer.rounds() < before + 200; ++reads) {
                ASSERT_LT(std::chrono::steady_clock::now(), deadline)
                    << bpf::kind_name(kind) << disable;
                const Table table = read(reader);
                most = std::max(most, table.rows);
                for (std::size_t i = 0; i < table.rows; ++i) {
                    ASSERT_EQ(*table.value(i), std::byte{7})
                        << bpf::kind_name(kind) << " row " << i;
                }
            }
            EXPECT_GT(most, 0U) << bpf::kind_name(kind);
            EXPECT_LE(most, 2048U + 64 + 2048) << bpf::kind_name(kind);
        }
    }
}

TEST_F(ReaderOf, PersistentMapThatIsEmptiedMayBeWrittenMeanwhile) {
    const KernelMap kernel({.kind = MapKind::Hash, .max_entries = 2048});
    const MapPolicy emptied{
        .map_class = MapClass::Persistent, .clear_after_window = true, .reason = "EMPTY"};
    Reader reader = make_reader(kernel.map(), emptied);
    const Writer writer(kernel);
    for (int i = 0; i < 100; ++i) {
        (void)read(reader);
        clear(reader);
    }
}

TEST_F(ReaderOf, PersistentMapThatIsEmptiedKeepsWhatCameAfterItWasRead) {
    const MapPolicy emptied{
        .map_class = MapClass::Persistent, .clear_after_window = true, .reason = "EMPTY"};
    const KernelMap hash({.kind = MapKind::Hash, .max_entries = 16});
    Reader by_key = make_reader(hash.map(), emptied);
    hash.put(1, 10);
    EXPECT_EQ(read(by_key).rows, 1U);
    hash.put(2, 20);  // a packet between the read and the end of the report
    clear(by_key);
    ASSERT_EQ(read(by_key).rows, 1U);
    EXPECT_EQ(hash.get(2), 20U);

    const KernelMap queue({.kind = MapKind::Queue, .max_entries = 16});
    Reader in_order = make_reader(queue.map(), emptied);
    queue.push(10);
    EXPECT_EQ(read(in_order).rows, 1U);
    queue.push(20);
    clear(in_order);
    EXPECT_EQ(read(in_order).rows, 1U);
}

}  // namespace
}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A real map for a test: closed, and with that gone, at its end. Keys are __u32 (or an LPM prefix),
// values numbers of 8 bytes unless said. Owns the descriptor; the Map borrows it. One thread.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "bpf/map.h"
#include "util/fd.h"

namespace weir::test {

struct MapSetup {
    bpf::MapKind kind{};
    std::uint32_t key_bytes = 4;
    std::uint32_t value_bytes = 8;
    std::uint32_t max_entries = 1;
    std::uint32_t flags = 0;
    bool is_mmapable = false;
    bool is_globals = false;
};

/// IPv4 prefix, as LPM_TRIE wants its keys.
struct Prefix {
    std::uint32_t bits;
    std::uint8_t address[4];
};

inline bool can_create_maps() {
    const UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_HASH, "weir_try", 4, 4, 1, nullptr));
    return fd.is_open();
}

class KernelMap {
public:
    explicit KernelMap(const MapSetup& setup)
        : fd_(create(setup)), map_(shape_of(setup), fd_.get()) {
        EXPECT_TRUE(fd_.is_open()) << "bpf_map_create: " << strerrorname_np(errno);
    }

    [[nodiscard]] const bpf::Map& map() const { return map_; }

    /// Writes the value for every CPU where the kind has one for each: CPU i gets value + i.
    void put_bytes(const void* key, std::uint64_t value) const {
        std::vector<std::byte> bytes(map_.lookup_bytes());
        const std::uint32_t step = bpf::value_stride(map_.shape().value_bytes);
        const std::uint32_t copies = bpf::is_percpu(map_.shape().kind) ? bpf::possible_cpus() : 1;
        for (std::uint32_t i = 0; i < copies; ++i) {
            const std::uint64_t one = value + i;
            std::memcpy(&bytes[std::size_t{i} * step], &one, sizeof(one));
        }
        const auto r = map_.update(key, bytes.data());
        EXPECT_TRUE(r) << r.error().message;
    }
    void put(std::uint32_t key, std::uint64_t value) const { put_bytes(&key, value); }
    void put(const Prefix& key, std::uint64_t value) const { put_bytes(&key, value); }

    void push(std::uint64_t value) const {
        EXPECT_EQ(bpf_map_update_elem(fd_.get(), nullptr, &value, BPF_ANY), 0);
    }

    [[nodiscard]] std::uint64_t get(std::uint32_t key) const {
        std::vector<std::byte> bytes(map_.lookup_bytes());
        const auto r = map_.lookup(&key, bytes.data());
        EXPECT_TRUE(r) << r.error().message;
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data(), sizeof(value));
        return value;
    }

    /// Entries key i -> value 3 * i + 1, as many as asked; queues get the values only.
    void fill(std::uint32_t entries) const {
        for (std::uint32_t i = 0; i < entries; ++i) {
            const std::uint64_t value = 3ULL * i + 1;
            if (map_.shape().key_bytes == 0) {
                push(value);
            } else if (map_.shape().kind == bpf::MapKind::LpmTrie) {
                put(Prefix{32,
                           {10, static_cast<std::uint8_t>(i >> 16),
                            static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}},
                    value);
            } else {
                put(i, value);
            }
        }
    }

    void freeze() const { EXPECT_EQ(bpf_map_freeze(fd_.get()), 0); }

    /// Whether the kernel holds nothing: no key, no element, only zeros.
    [[nodiscard]] bool is_empty() const {
        const bpf::MapKind kind = map_.shape().kind;
        std::vector<std::byte> value(map_.lookup_bytes());
        if (map_.shape().key_bytes == 0) {
            return bpf_map_lookup_elem(fd_.get(), nullptr, value.data()) == -ENOENT;  // a peek
        }
        if (kind != bpf::MapKind::Array && kind != bpf::MapKind::PercpuArray) {
            std::vector<std::byte> key(map_.shape().key_bytes);
            return bpf_map_get_next_key(fd_.get(), nullptr, key.data()) == -ENOENT;
        }
        for (std::uint32_t i = 0; i < map_.shape().max_entries; ++i) {
            if (bpf_map_lookup_elem(fd_.get(), &i, value.data()) != 0) return false;
            if (value != std::vector<std::byte>(value.size())) return false;
        }
        return true;
    }

private:
    static int create(const MapSetup& setup) {
        const bpf::MapShape shape = shape_of(setup);
        bpf_map_create_opts options{};
        options.sz = sizeof(options);
        options.map_flags = shape.flags;
        return bpf_map_create(static_cast<bpf_map_type>(shape.kind), "weir_test", shape.key_bytes,
                              shape.value_bytes, shape.max_entries, &options);
    }

    static bpf::MapShape shape_of(const MapSetup& setup) {
        using bpf::MapKind;
        const bool is_queue = setup.kind == MapKind::Queue || setup.kind == MapKind::Stack;
        const bool is_lpm = setup.kind == MapKind::LpmTrie;
        const std::uint32_t key_bytes = is_queue ? 0 : (is_lpm ? 8 : setup.key_bytes);
        return {.name = "weir_test",
                .kind = setup.kind,
                .key_bytes = key_bytes,
                .value_bytes = setup.value_bytes,
                .max_entries = setup.max_entries,
                .flags = setup.flags | (setup.is_mmapable ? unsigned{BPF_F_MMAPABLE} : 0) |
                         (is_lpm ? unsigned{BPF_F_NO_PREALLOC} : 0),
                .is_globals = setup.is_globals,
                .key = bpf::opaque_type(key_bytes),
                .value = bpf::opaque_type(setup.value_bytes)};
    }

    UniqueFd fd_;
    bpf::Map map_;
};

/// A hash whose hash function is known: no seed. KERNEL: hashtab.c:htab_map_hash (jhash of the
/// key).
inline constexpr MapSetup kCollidingHash{
    .kind = bpf::MapKind::Hash, .max_entries = 1024, .flags = BPF_F_ZERO_SEED};

/// Bob Jenkins' lookup3 of one 32-bit word, seed 0: what the kernel hashes such a key to.
inline std::uint32_t hash_of_word(std::uint32_t word) {
    const auto rotate = [](std::uint32_t x, int by) { return x << by | x >> (32 - by); };
    std::uint32_t b = 0xdeadbeef + 4;
    std::uint32_t c = b;
    std::uint32_t a = b + word;
    c ^= b, c -= rotate(b, 14);
    a ^= c, a -= rotate(c, 11);
    b ^= a, b -= rotate(a, 25);
    c ^= b, c -= rotate(b, 16);
    a ^= c, a -= rotate(c, 4);
    b ^= a, b -= rotate(a, 14);
    c ^= b, c -= rotate(b, 24);
    return c;
}

/// Keys that all lie in one bucket of kCollidingHash.
inline std::vector<std::uint32_t> colliding_keys(std::size_t count) {
    constexpr std::uint32_t kBucketMask = kCollidingHash.max_entries - 1;
    std::vector<std::uint32_t> keys;
    for (std::uint32_t key = 0; keys.size() < count; ++key) {
        if ((hash_of_word(key) & kBucketMask) == 17) keys.push_back(key);
    }
    return keys;
}

}  // namespace weir::test

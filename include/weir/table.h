// SPDX-License-Identifier: Apache-2.0
#pragma once
// A map of a closed window, as rows of typed bytes.
//
//     for (std::size_t i = 0; i < table.rows; ++i) use(table.key(i), table.value(i));
//
// With names and types: weir/view.h. Ownership: borrows shape and memory (for an mmap-able map the
// map's own); valid until the window's report is over. Thread rule: one thread at a time.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "weir/type.h"

namespace weir {

/// enum bpf_map_type, by the kernel's numbers; only those that weir speaks of have a name.
enum class MapKind : std::uint32_t {
    Hash = 1,
    Array = 2,
    ProgArray = 3,
    PerfEventArray = 4,
    PercpuHash = 5,
    PercpuArray = 6,
    StackTrace = 7,
    LruHash = 9,
    LruPercpuHash = 10,
    LpmTrie = 11,
    ArrayOfMaps = 12,
    HashOfMaps = 13,
    Devmap = 14,
    Cpumap = 16,
    Xskmap = 17,
    Queue = 22,
    Stack = 23,
    DevmapHash = 25,
    Ringbuf = 27,
};

/// Bytes from one value to the next where values stand side by side (mmap-ed ARRAY, per-CPU
/// values). Source: kernel/bpf/arraymap.c:array_map_alloc (elem_size), v5.5 and later.
[[nodiscard]] constexpr std::uint32_t value_stride(std::uint32_t value_bytes) {
    return (value_bytes + 7) / 8 * 8;
}

struct MapShape {
    std::string name = {};  // the author's; sections of globals: ".bss", ".data", ".rodata"...
    MapKind kind{};
    std::uint32_t key_bytes = 0;
    std::uint32_t value_bytes = 0;
    std::uint32_t max_entries = 0;
    std::uint32_t flags = 0;
    bool is_globals =
        false;  // the map behind a section of global variables; value type is a Struct of them
    std::uint32_t max_flows = 0;  // of a flow tensor (weir/flow.h): the flows that fit; else 0
    TypePtr key = {};  // Opaque where the source gave no type; QUEUE and STACK have key_bytes 0
    TypePtr value = {};
};

enum class MapClass {
    Windowed,    // one per clone, cleared after each window
    Fixed,       // one per clone, never cleared
    Persistent,  // one for both clones, never cleared
};

struct FlowLayout;  // weir/flow_tensor.h

enum class ReadWay { None, Mmap, Drain, Batch, Lookup };

struct Table {
    const MapShape* shape = nullptr;
    MapClass map_class = MapClass::Windowed;
    ReadWay way = ReadWay::None;  // None: kept in the kernel, listed only
    std::size_t rows = 0;         // entries; for ARRAY kinds those not all zero; globals: always 1;
                                  // flow tensors: flows
    std::size_t capacity = 0;
    // hash, queue, stack: rows == capacity; lru: rows >= 0.9 capacity; flow tensor: all rows were
    // given out, or a packet found no room
    bool is_saturated = false;
    bool is_truncated = false;          // the map held more than could be read
    std::uint32_t cpus = 0;             // per-CPU kinds: values of a row; else 0
    const FlowLayout* flows = nullptr;  // a flow tensor: its rows are flows (weir/flow_tensor.h)

    /// Key of row i: shape->key_bytes bytes. ARRAY kinds: the index as a __u32. QUEUE, STACK: null.
    /// i < rows.
    [[nodiscard]] const std::byte* key(std::size_t i) const {
        // SAFETY: an index is the __u32 key of its entry, byte for byte.
        if (!indices.empty()) return reinterpret_cast<const std::byte*>(&indices[i]);
        return keys == nullptr ? nullptr : keys + i * (key_step == 0 ? shape->key_bytes : key_step);
    }
    /// Value of row i: shape->value_bytes bytes; per-CPU: `cpus` values, value_stride apart.
    [[nodiscard]] const std::byte* value(std::size_t i) const {
        return values + (indices.empty() ? i : indices[i]) * value_step;
    }

    // Where the rows lie: row i's value is values + indices[i] * value_step, or, where there are no
    // indices, the rows stand side by side.
    const std::byte* keys = nullptr;
    const std::byte* values = nullptr;
    std::size_t value_step = 0;
    std::size_t key_step = 0;                     // 0: keys stand side by side
    int map_fd = -1;                              // the kernel's map; borrowed
    std::span<const std::uint32_t> indices = {};  // way Mmap: which entries are rows; else empty
};

}  // namespace weir

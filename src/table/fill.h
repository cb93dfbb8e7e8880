// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ways from a kernel map into memory of ours, and back to empty. Each fills the same Rows, so
// that every way gives the same table. ARRAY kinds keep only entries that are not all zero.
//
// A map may be written meanwhile (persistent ones): rows are bounded by max_entries and a little
// more, and steps without progress are bounded too; where the bound cuts, is_truncated says so.
// Ownership: Rows owns its memory. One thread.
#include <cstddef>
#include <cstdint>

#include "bpf/map.h"
#include "table/buffer.h"
#include "weir/result.h"

namespace weir::table {

struct Rows {
    Buffer keys;    // key_bytes apart
    Buffer values;  // lookup_bytes() apart
    std::size_t count = 0;
    bool is_truncated = false;
    std::uint32_t batch_rows = 0;  // what one batch call asks for; grows to the largest bucket met
};

/// Whether this kernel does batches for this map: asked by one small call.
[[nodiscard]] bool has_batch(const bpf::Map& map);

enum class Reading { Keep, Take };  // Take: what is read is deleted, hash kinds only

[[nodiscard]] Result<> fill_by_batch(const bpf::Map& map, Rows& rows, Reading reading);
[[nodiscard]] Result<> fill_by_lookup(const bpf::Map& map, Rows& rows);
/// ARRAY kinds: every index by one lookup.
[[nodiscard]] Result<> fill_by_index(const bpf::Map& map, Rows& rows);
/// ARRAY kinds: the first `count` indices, zeros or not, by one lookup each.
[[nodiscard]] Result<> fill_first(const bpf::Map& map, std::uint32_t count, Rows& rows);
/// QUEUE, STACK: pops until empty, in the order of popping; no keys.
[[nodiscard]] Result<> fill_by_pop(const bpf::Map& map, Rows& rows);

enum class Calls { Batch, Single };

/// Deletes the keys in `rows`; one that is gone already is no error.
[[nodiscard]] Result<> erase_rows(const bpf::Map& map, const Rows& rows, Calls calls);
/// ARRAY kinds: writes zeros over the entries in `rows`.
[[nodiscard]] Result<> zero_rows(const bpf::Map& map, const Rows& rows, Calls calls);

[[nodiscard]] bool is_array(bpf::MapKind kind);      // ARRAY, PERCPU_ARRAY
[[nodiscard]] bool is_queue(bpf::MapKind kind);      // QUEUE, STACK
[[nodiscard]] bool is_hash_like(bpf::MapKind kind);  // HASH, LRU_HASH and per-CPU ones
[[nodiscard]] bool is_keyed(bpf::MapKind kind);      // those and LPM_TRIE

}  // namespace weir::table

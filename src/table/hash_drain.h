// SPDX-License-Identifier: Apache-2.0
#pragma once
// Copies a HASH or LRU_HASH that nobody writes, and empties it again, by BPF programs of ours
// (bpf/core/drain_hash.bpf.c), loaded for this one map: one system call each.
//
//     auto drain = HashDrain::create(map, row_limit);
//     auto copied = drain->copy();                 // rows: key, then value, each padded to 8 bytes
//     drain->erase(copied->count);                 // deletes those keys
//
// A walk over all buckets costs 13 ns a bucket, ten times what a batch call takes for it, and a row
// 55 ns, a quarter: is_worth() says which is quicker. Ownership: owns programs, memory and mapping;
// all are gone with it. The rows are good until the next copy(). Thread rule: as Reader.
// Kernel: 5.17. Measured: docs/decisions/drain.md.
#include <cstddef>
#include <cstdint>

#include "bpf/map.h"
#include "bpf/object.h"
#include "util/fd.h"
#include "weir/result.h"

namespace weir::table {

class HashDrain {
public:
    /// Memory for `rows` rows, all the time. Errors: Rejected (values that a program may not copy:
    /// with locks or timers), Unsupported, Permission, Io (memory).
    [[nodiscard]] static Result<HashDrain> create(const bpf::Map& hash, std::uint32_t rows);

    /// Whether draining a map of this shape is quicker than batches when it holds so many rows.
    [[nodiscard]] static bool is_worth(const bpf::MapShape& shape, std::size_t rows);

    struct Copied {
        std::size_t count = 0;
        bool is_full = false;  // every row is taken: there may be more in the map
    };
    [[nodiscard]] Result<Copied> copy();
    /// Deletes the keys of the first `count` rows; one that is gone already is no error.
    [[nodiscard]] Result<> erase(std::size_t count);

    /// Gives away the memory of the rows, which keeps its first `used` bytes; the rows lie
    /// elsewhere from here on. Errors: Io; nothing has changed then.
    [[nodiscard]] Result<Mapping> leave_rows(std::size_t used);
    [[nodiscard]] std::byte* keys() const { return mapping_.bytes().data(); }
    [[nodiscard]] std::byte* values() const { return keys() + key_step_; }
    [[nodiscard]] std::size_t row_bytes() const { return row_bytes_; }
    [[nodiscard]] std::size_t held_bytes() const { return mapping_.bytes().size(); }

private:
    HashDrain(bpf::LoadedObject object, Mapping mapping, const bpf::MapShape& shape,
              std::uint32_t capacity);

    bpf::LoadedObject object_;
    bpf::Program copy_, erase_;  // borrowed from object_
    Mapping mapping_;
    std::size_t key_step_;
    std::size_t row_bytes_;
    std::uint32_t capacity_;
};

}  // namespace weir::table

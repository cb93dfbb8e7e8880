// SPDX-License-Identifier: Apache-2.0
#pragma once
// Empties a QUEUE or STACK by a BPF program of ours (bpf/core/drain.bpf.c), loaded for this one
// map: it pops into an ARRAY that is mapped here, a million rows per system call.
//
//     auto drain = Drain::create(map, row_limit);
//     auto drained = drain->empty(map);            // rows in the order of popping
//     use(drain->rows(), drained->count);          // value_stride(value_bytes) apart
//
// Ownership: owns the program, the ARRAY and its mapping; all are gone with it. The rows are good
// until the next empty(). Thread rule: as Reader. Kernel: 5.17, and 6.9 for a `syscall` program.
// Cost: memory for `rows` values all the time; 24 ns a row (docs/decisions/drain.md).
#include <cstddef>
#include <cstdint>

#include "bpf/map.h"
#include "bpf/object.h"
#include "util/fd.h"
#include "weir/result.h"

namespace weir::table {

class Drain {
public:
    enum class Hook { Syscall, RawTracepoint };

    /// `rows`: how many it holds, of `queue`'s value size. Errors: Rejected (this kernel lets such
    /// a program not pop), Unsupported, Permission, Io (memory).
    [[nodiscard]] static Result<Drain> create(const bpf::Map& queue, std::uint32_t rows, Hook hook);
    /// By the hook that this kernel has for it.
    [[nodiscard]] static Result<Drain> create(const bpf::Map& queue, std::uint32_t rows);

    struct Drained {
        std::size_t count = 0;
        bool is_full = false;  // every row is taken: there may be more in the queue
    };
    /// Pops until `queue`, which it was created for, is empty or every row is taken.
    /// Errors: as bpf::Map::pop(); what was popped until then is lost.
    [[nodiscard]] Result<Drained> empty(const bpf::Map& queue);

    /// Gives away the memory of the rows, which keeps its first `used` bytes; the rows lie
    /// elsewhere from here on. Errors: Io; nothing has changed then.
    [[nodiscard]] Result<Mapping> leave_rows(std::size_t used);
    [[nodiscard]] std::byte* rows() const { return mapping_.bytes().data(); }
    [[nodiscard]] std::size_t held_bytes() const { return mapping_.bytes().size(); }

private:
    Drain(bpf::LoadedObject object, bpf::Program program, Mapping mapping, std::uint32_t capacity)
        : object_(std::move(object)),
          program_(std::move(program)),
          mapping_(std::move(mapping)),
          capacity_(capacity) {}

    bpf::LoadedObject object_;
    bpf::Program program_;  // borrowed from object_
    Mapping mapping_;
    std::uint32_t capacity_;
};

}  // namespace weir::table

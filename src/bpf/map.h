// SPDX-License-Identifier: Apache-2.0
#pragma once
// A map that exists in the kernel: its shape, its types and the calls on it.
//
// Ownership: borrows the descriptor from the Object that created it; copies are cheap and must not
// outlive that Object. Thread rule: the kernel serialises; the calls keep no state here.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "bpf/type.h"
#include "util/fd.h"
#include "weir/result.h"
#include "weir/table.h"

namespace weir::bpf {

using weir::MapKind;
using weir::MapShape;
using weir::value_stride;

/// "hash", "percpu_array"...: the kernel's words, as bpftool prints them.
[[nodiscard]] std::string kind_name(MapKind kind);
[[nodiscard]] bool is_percpu(MapKind kind);

class Map {
public:
    Map(MapShape shape, int fd) : shape_(std::move(shape)), fd_(fd) {}

    [[nodiscard]] const MapShape& shape() const { return shape_; }
    [[nodiscard]] const std::string& name() const { return shape_.name; }
    [[nodiscard]] int fd() const { return fd_; }  ///< borrowed

    /// Bytes that one lookup fills: value_bytes, or for per-CPU kinds stride * possible CPUs.
    [[nodiscard]] std::uint32_t lookup_bytes() const;

    /// One system call each. Errors: NotFound (no such key; queue empty), else as errno says.
    [[nodiscard]] Result<> lookup(const void* key, void* value) const;
    [[nodiscard]] Result<> update(const void* key, const void* value) const;
    [[nodiscard]] Result<> erase(const void* key) const;
    [[nodiscard]] Result<> pop(void* value) const;
    /// `previous` null: the first key. Errors: NotFound at the end.
    [[nodiscard]] Result<> next_key(const void* previous, void* key) const;

    /// Whether user space may read it at all (BPF_F_WRONLY says no).
    [[nodiscard]] bool is_readable() const;

    struct Batch {
        std::uint32_t rows = 0;
        bool is_last = false;
        bool needs_room = false;  // one bucket holds more entries than there was room for; nothing
                                  // is consumed: call again with the same cursor and more room
    };
    /// Reads up to `rows` entries from where `cursor` left off. cursor: at least max(4, key_bytes)
    /// bytes, is_first on the first call. Keys and values side by side, values lookup_bytes()
    /// apart. A map that changes meanwhile may give fewer rows than there are, also none, before
    /// the last. Errors: Unsupported (kind or kernel has no batch).
    [[nodiscard]] Result<Batch> lookup_batch(std::span<std::byte> cursor, bool is_first, void* keys,
                                             void* values, std::uint32_t rows) const;
    /// The same, and deletes what it read: hash kinds only. Half the cost of reading and deleting.
    [[nodiscard]] Result<Batch> take_batch(std::span<std::byte> cursor, bool is_first, void* keys,
                                           void* values, std::uint32_t rows) const;
    /// Deletes these keys, in order, up to the first that is gone already; returns how many it
    /// deleted. Errors: Unsupported.
    [[nodiscard]] Result<std::uint32_t> erase_batch(const void* keys, std::uint32_t rows) const;
    /// Updates these keys. Errors: Unsupported.
    [[nodiscard]] Result<> update_batch(const void* keys, const void* values,
                                        std::uint32_t rows) const;

    enum class Access { ReadOnly, ReadWrite };
    /// Maps the values of an mmap-able ARRAY (max_entries * value_stride, rounded up to pages).
    /// Errors: Permission (ReadWrite of a frozen map: .rodata); Unsupported (values with locks or
    /// timers).
    [[nodiscard]] Result<Mapping> map_values(Access access = Access::ReadWrite) const;
    [[nodiscard]] bool is_mmapable() const;

private:
    MapShape shape_;
    int fd_;
};

/// CPUs that per-CPU values have a place for; at least 1.
[[nodiscard]] std::uint32_t possible_cpus();

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#include "bpf/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "util/errno.h"

namespace weir::bpf {
namespace {

[[maybe_unused]] constexpr std::uint32_t kCursorBytes =
    4;  // hash kinds keep a bucket's number there

/// What a batch call said.
Result<Map::Batch> batch_of(int rc, std::uint32_t count, const char* what) {
    // KERNEL: syscall.c:generic_map_lookup_batch gives EINTR where keys vanish under it (before
    // v6.13); what it read until then is good. hashtab.c:__htab_map_lookup_and_delete_batch gives
    // ENOSPC.
    if (rc == 0 || rc == -EINTR) return Map::Batch{.rows = count};
    if (rc == -ENOENT) return Map::Batch{.rows = count, .is_last = true};
    if (rc == -ENOSPC) return Map::Batch{.needs_room = true};
    auto r = check(rc, what);
    return pass_on(r);
}

std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

std::string kind_name(MapKind kind) {
    const char* name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(kind));
    return name != nullptr ? name : "kind " + std::to_string(static_cast<std::uint32_t>(kind));
}

bool is_percpu(MapKind kind) {
    return kind == MapKind::PercpuHash || kind == MapKind::PercpuArray ||
           kind == MapKind::LruPercpuHash;
}

std::uint32_t possible_cpus() {
    static const int count = libbpf_num_possible_cpus();
    return static_cast<std::uint32_t>(std::max(count, 1));
}

std::uint32_t Map::lookup_bytes() const {
    if (!is_percpu(shape_.kind)) return shape_.value_bytes;
    return value_stride(shape_.value_bytes) * possible_cpus();
}

Result<> Map::lookup(const void* key, void* value) const {
    return check(bpf_map_lookup_elem(fd_, key, value), "lookup");
}

Result<> Map::update(const void* key, const void* value) const {
    return check(bpf_map_update_elem(fd_, key, value, BPF_ANY), "update");
}

Result<> Map::erase(const void* key) const {
    return check(bpf_map_delete_elem(fd_, key), "delete");
}

Result<> Map::pop(void* value) const {
    return check(bpf_map_lookup_and_delete_elem(fd_, nullptr, value), "pop");
}

Result<> Map::next_key(const void* previous, void* key) const {
    return check(bpf_map_get_next_key(fd_, previous, key), "next key");
}

bool Map::is_readable() const { return (shape_.flags & BPF_F_WRONLY) == 0; }

Result<Map::Batch> Map::lookup_batch(std::span<std::byte> cursor, bool is_first, void* keys,
                                     void* values, std::uint32_t rows) const {
    assert(cursor.size() >= std::max(kCursorBytes, shape_.key_bytes));
    std::uint32_t count = rows;
    const int rc = bpf_map_lookup_batch(fd_, is_first ? nullptr : cursor.data(), cursor.data(),
                                        keys, values, &count, nullptr);
    return batch_of(rc, count, "lookup batch");
}

Result<Map::Batch> Map::take_batch(std::span<std::byte> cursor, bool is_first, void* keys,
                                   void* values, std::uint32_t rows) const {
    assert(cursor.size() >= std::max(kCursorBytes, shape_.key_bytes));
    std::uint32_t count = rows;
    const int rc = bpf_map_lookup_and_delete_batch(fd_, is_first ? nullptr : cursor.data(),
                                                   cursor.data(), keys, values, &count, nullptr);
    return batch_of(rc, count, "take batch");
}
Result<std::uint32_t> Map::erase_batch(const void* keys, std::uint32_t rows) const {
    std::uint32_t count = rows;
    const int rc = bpf_map_delete_batch(fd_, keys, &count, nullptr);
    if (auto r = check(rc == -ENOENT ? 0 : rc, "delete batch"); !r) return pass_on(r);
    return count;
}

Result<> Map::update_batch(const void* keys, const void* values, std::uint32_t rows) const {
    std::uint32_t count = rows;
    return check(bpf_map_update_batch(fd_, keys, values, &count, nullptr), "update batch");
}

bool Map::is_mmapable() const {
    return shape_.kind == MapKind::Array && (shape_.flags & BPF_F_MMAPABLE) != 0;
}

Result<Mapping> Map::map_values(Access access) const {
    if (!is_mmapable()) return fail(Errc::Unsupported, "map " + shape_.name + ": not mmap-able");
    const std::size_t bytes = std::size_t{value_stride(shape_.value_bytes)} * shape_.max_entries;
    const std::size_t length = (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
    const int protection = access == Access::ReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
    void* at = ::mmap(nullptr, length, protection, MAP_SHARED, fd_, 0);
    if (at == MAP_FAILED) {
        auto r = check(-errno, "mmap");
        return pass_on(r);
    }
    return Mapping(std::span(static_cast<std::byte*>(at), length));
}

}  // namespace weir::bpf

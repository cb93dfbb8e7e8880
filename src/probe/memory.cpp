// SPDX-License-Identifier: Apache-2.0
#include "probe/memory.h"

#include <fmt/format.h>

#include <bit>

#include "probe/read_size.h"
#include "util/memory.h"

namespace weir {
namespace {

// KERNEL: kernel/bpf/hashtab.c:struct htab_elem (48 bytes before the key) and struct bucket (16).
constexpr std::uint64_t kHashElementBytes = 48;
constexpr std::uint64_t kHashBucketBytes = 16;

}  // namespace

std::uint64_t estimate_map_bytes(const bpf::MapShape& shape) {
    const std::uint64_t entries = shape.max_entries;
    const std::uint64_t one_value = bpf::value_stride(shape.value_bytes);
    const std::uint64_t value =
        bpf::is_percpu(shape.kind) ? sizeof(void*) + one_value * bpf::possible_cpus() : one_value;
    switch (shape.kind) {
        case MapKind::Array:
        case MapKind::PercpuArray: return entries * value;
        case MapKind::Hash:
        case MapKind::PercpuHash:
        case MapKind::LruHash:
        case MapKind::LruPercpuHash:
            return entries * (kHashElementBytes + bpf::value_stride(shape.key_bytes) + value) +
                   std::bit_ceil(entries) * kHashBucketBytes;
        case MapKind::Queue:
        case MapKind::Stack: return (entries + 1) * shape.value_bytes;
        default: return 0;
    }
}

std::uint64_t estimate_pair_bytes(std::span<const bpf::MapSpec> maps,
                                  std::span<const MapPolicy> policies) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < maps.size(); ++i) {
        // The hook's, not the probe's.
        if (maps[i].shape.name == "weir_cpus" || maps[i].shape.name == "weir_chain") continue;
        const bool is_shared = policies[i].map_class == MapClass::Persistent;
        const auto drain = drain_size(maps[i].shape, policies[i]);
        const std::uint64_t one = estimate_map_bytes(maps[i].shape) + (drain ? drain->bytes() : 0);
        sum += one * (is_shared ? 1 : 2);
    }
    return sum;
}

Result<> require_memory(std::uint64_t bytes) {
    auto available = available_memory_bytes();
    if (!available || bytes <= *available) return {};  // what we cannot know we do not refuse
    return fail(
        Errc::Io,
        fmt::format("its maps and their drains need {} for both clones, and {} of memory are left",
                    bytes_text(bytes), bytes_text(*available)),
        "make them smaller: --set PROBE.max_flows=N, --set PROBE.MAP.max_entries=N");
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "probe/read_size.h"

#include <utility>

#include "util/env.h"

namespace weir {
namespace {

using bpf::MapKind;

constexpr std::size_t kSlackRows = 64;  // rows beyond max_entries: entries replaced while we read

bool is_drained(MapKind kind, const MapPolicy& policy) {
    switch (kind) {
        // Reading a queue empties it: one that keeps its content over windows is left alone.
        case MapKind::Queue:
        case MapKind::Stack: return policy.clear_after_window;
        // A drain walks without locks: a hash that is written meanwhile is left to batches.
        case MapKind::Hash:
        case MapKind::LruHash: return policy.map_class == MapClass::Windowed;
        default: return false;
    }
}

}  // namespace

std::size_t row_limit(const bpf::MapShape& shape) {
    return std::size_t{shape.max_entries} + kSlackRows;
}

std::uint32_t drain_row_bytes(const bpf::MapShape& shape) {
    return bpf::value_stride(shape.key_bytes) + bpf::value_stride(shape.value_bytes);
}

std::optional<DrainSize> drain_size(const bpf::MapShape& shape, const MapPolicy& policy) {
    const std::size_t rows = row_limit(shape);
    if (is_disabled("drain") || !is_drained(shape.kind, policy)) return std::nullopt;
    if (!std::in_range<std::uint32_t>(rows)) return std::nullopt;
    return DrainSize{.rows = static_cast<std::uint32_t>(rows), .row_bytes = drain_row_bytes(shape)};
}

}  // namespace weir

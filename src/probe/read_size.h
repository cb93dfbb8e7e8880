// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much one reading of a map brings at most, and the memory that a drain (table/drain.h,
// table/hash_drain.h) holds for it all the time. Needed where maps are read, and before that where
// memory is counted. Pure functions but for WEIR_DISABLE=drain.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bpf/map.h"
#include "probe/map_class.h"

namespace weir {

/// The most rows of one read: entries of a map that is written meanwhile may be replaced by others.
[[nodiscard]] std::size_t row_limit(const bpf::MapShape& shape);

struct DrainSize {
    std::uint32_t rows = 0;
    std::uint32_t row_bytes = 0;  // key, if any, and value, each padded to 8 bytes
    [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{rows} * row_bytes; }
};

/// Of the drain that a map gets, where the kernel has drains; none: the map is read otherwise.
[[nodiscard]] std::optional<DrainSize> drain_size(const bpf::MapShape& shape,
                                                  const MapPolicy& policy);
[[nodiscard]] std::uint32_t drain_row_bytes(const bpf::MapShape& shape);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finds the entries of an ARRAY that hold something. Pure functions.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::table {

[[nodiscard]] bool is_all_zero(const std::byte* bytes, std::size_t count);

/// Sets `indices` to the entries that are not all zero, in order. `stride` is a multiple of 8.
/// Cost: one pass at the memory's speed; an entry is left at its first word that is not zero.
void find_entries(const std::byte* entries, std::size_t stride, std::size_t count,
                  std::vector<std::uint32_t>& indices);

}  // namespace weir::table

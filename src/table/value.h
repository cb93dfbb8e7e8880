// SPDX-License-Identifier: Apache-2.0
#pragma once
// One value, walked by its Type, as JSON or as text: what both kinds of table are made of. Pure
// functions.
#include <cstddef>
#include <cstdint>
#include <string>

#include "table/number.h"

namespace weir::table {

enum class Style { Json, Text };

void append_value(std::string& out, Style style, const Place& place, const std::byte* bytes);

/// Whether values of the type can be added: plain numbers, and structs and arrays that hold some.
/// Addresses, ports, text, enums, flags, pointers and unions cannot.
[[nodiscard]] bool is_summable(const bpf::Type& type);

/// Appends the sum of `cpus` values that lie `step` bytes apart; members that cannot be added are
/// left out. The place's type is_summable(). Integers are added exactly, in 128 bits.
void append_sum(std::string& out, Style style, const Place& place, const std::byte* bytes,
                std::size_t step, std::uint32_t cpus);

}  // namespace weir::table

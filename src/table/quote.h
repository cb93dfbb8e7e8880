// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text that came out of a map or an object file, made safe to print. Pure functions.
#include <string>
#include <string_view>

namespace weir::table {

/// Appends text for a terminal: control characters as \x1b, what is no UTF-8 as U+FFFD, no quotes.
void append_plain_text(std::string& out, std::string_view text);

/// Columns that the text takes on a terminal, one per code point.
[[nodiscard]] std::size_t width_of(std::string_view text);

}  // namespace weir::table

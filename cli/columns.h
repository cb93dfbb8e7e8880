// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text in columns, for people. Thread-safe.
#include <string>
#include <vector>

namespace weir::cli {

using Row = std::vector<std::string>;

/// Rows as indented columns; the first row is the heading and tells how many there are.
[[nodiscard]] std::string aligned(const std::vector<Row>& rows);

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a benchmark found: a value, what it is held against (the plain way measured in the same run,
// or a target), and whether it reaches the target. Plain values.
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::bench {

struct Figure {
    std::string name;
    double value = 0;
    std::string unit;
    std::optional<double> at_most;  // target; none: for the report only
    std::string beside;             // the plain way, in words with its value
};

/// The median of `rounds` measurements of each, taken in turn (A B A B ...), so that a drift of the
/// machine's speed meets all of them alike.
[[nodiscard]] std::vector<double> medians(const std::vector<std::function<double()>>& measure,
                                          int rounds);

/// Prints a table with PASS and MISS, writes FILE as JSON. Returns the exit code: 1 on a miss.
[[nodiscard]] int report(const std::vector<Figure>& figures, const std::string& file);

}  // namespace weir::bench

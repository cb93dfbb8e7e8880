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
    std::optional<double> at_most;        // target; none: for the report only
    std::optional<double> at_least = {};  // target of what is better when larger; one of the two
    std::string beside;                   // the plain way, in words with its value
};

using Measure = std::function<double()>;

/// Two ways measured in turn, A B A B ..., so that a drift of the machine's speed meets both alike;
/// of each the smallest value. A neighbour on the same core makes every instruction slower for
/// seconds at a time; nothing makes one faster, so the minimum is the cost and the median the
/// neighbour.
struct Pair {
    double a = 0, b = 0;
};
[[nodiscard]] Pair compare(const Measure& a, const Measure& b, int rounds);

/// Prints a table with PASS and MISS, writes FILE as JSON. Returns the exit code: 1 on a miss.
[[nodiscard]] int report(const std::vector<Figure>& figures, const std::string& file);

}  // namespace weir::bench

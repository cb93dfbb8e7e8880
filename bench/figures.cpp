// SPDX-License-Identifier: Apache-2.0
#include "figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace weir::bench {
namespace {

bool is_miss(const Figure& f) {
    return (f.at_most && f.value > *f.at_most) || (f.at_least && f.value < *f.at_least);
}

/// Ratios and milliseconds are told apart by their second decimal.
int decimals(const Figure& f) { return f.unit == "x" || f.unit == "ms" ? 2 : 1; }

std::string target_of(const Figure& f) {
    if (f.at_most) return fmt::format("<= {:.{}f}", *f.at_most, decimals(f));
    return f.at_least ? fmt::format(">= {:.{}f}", *f.at_least, decimals(f)) : "";
}

const char* verdict(const Figure& f) {
    if (!f.at_most && !f.at_least) return "";
    return is_miss(f) ? "MISS" : "PASS";
}

}  // namespace

Pair compare(const Measure& a, const Measure& b, int rounds) {
    Pair best{.a = a(), .b = b()};
    for (int round = 1; round < rounds; ++round) {
        best.a = std::min(best.a, a());
        best.b = std::min(best.b, b());
    }
    return best;
}

int report(const std::vector<Figure>& figures, const std::string& file) {
    auto json = nlohmann::ordered_json::array();
    bool missed = false;
    fmt::print("{:<44} {:>10} {:<4} {:>10}  {:<4}  {}\n", "figure", "value", "unit", "target", "",
               "beside");
    for (const Figure& f : figures) {
        fmt::print("{:<44} {:>10.{}f} {:<4} {:>10}  {:<4}  {}\n", f.name, f.value, decimals(f),
                   f.unit, target_of(f), verdict(f), f.beside);
        missed |= is_miss(f);
        nlohmann::ordered_json entry = {
            {"name", f.name}, {"value", f.value}, {"unit", f.unit}, {"beside", f.beside}};
        if (f.at_most) entry["at_most"] = *f.at_most;
        if (f.at_least) entry["at_least"] = *f.at_least;
        if (f.at_most || f.at_least) entry["verdict"] = verdict(f);
        json.push_back(std::move(entry));
    }
    std::ofstream(file) << json.dump(1) << "\n";
    return missed ? 1 : 0;
}

}  // namespace weir::bench

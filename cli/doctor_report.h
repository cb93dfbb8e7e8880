// SPDX-License-Identifier: Apache-2.0
#pragma once
// The findings of `weir doctor` and how they are written. Plain values; thread-safe.
#include <optional>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::cli {

enum class FindingState { Ok, No, NotApplicable };

struct Finding {
    std::string group;
    std::string feature;
    FindingState state = FindingState::NotApplicable;
    std::string outcome;           // what was done and seen
    std::string why;               // what it is for, or what to do about it
    std::optional<Errc> blocks{};  // set where `weir inject` cannot work because of this
};

enum class Colour { Never, Always };

/// Aligned lines under a heading per group, then one line of summary.
[[nodiscard]] std::string as_text(const std::vector<Finding>& findings, Colour colour);

/// An array of objects {"group","feature","state","outcome","why","blocks_inject"} and a newline.
[[nodiscard]] std::string as_json(const std::vector<Finding>& findings);

/// The first finding that blocks `weir inject`; null if none does.
[[nodiscard]] const Finding* first_blocking(const std::vector<Finding>& findings);

}  // namespace weir::cli

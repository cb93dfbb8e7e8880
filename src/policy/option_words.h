// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the command line and a policy file understand alike: lengths of windows, flags, who runs a
// model, and how much of a window is shown. Pure functions.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "weir/engine.h"
#include "weir/result.h"

namespace weir::policy {

/// Units: seconds, fractions allowed. Errors: Invalid (not finite, under 0.05, over 1,000,000).
[[nodiscard]] Result<std::chrono::nanoseconds> window_length(double seconds);

/// "-DA=1 -I 'my dir'" into words, as a shell would. Errors: Invalid (an open quote).
[[nodiscard]] Result<std::vector<std::string>> split_words(const std::string& text);

struct Analysis {
    ExtractorOptions extractor = {};
    ModelOptions model = {};
};

/// Who runs the model: weir, or a script (.py), which gets the file to itself. `extractor` may be
/// "auto", `model.file` "none": both are as if they were empty.
[[nodiscard]] Analysis assign_model(const std::string& extractor, ModelOptions model);

/// Rows of a table that are shown where the user said `wanted`.
[[nodiscard]] std::size_t row_limit(const std::optional<std::size_t>& wanted, bool as_json);
/// Alerts of a window; `lists_all`: every flow is one.
[[nodiscard]] std::size_t alert_limit(const std::optional<std::size_t>& wanted, bool as_json,
                                      bool lists_all);

}  // namespace weir::policy

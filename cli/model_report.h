// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `weir model` prints: text for people, JSON for programs. Thread-safe.
#include <string>
#include <vector>

#include "cli/model_score.h"
#include "model/detector_plan.h"
#include "model/model_file.h"
#include "weir/result.h"

namespace weir::cli {

struct ModelReport {
    std::string file;
    model::ModelDescription description;
    Result<model::DetectorPlan> plan;  ///< what `weir inject -m FILE` would make of it
};

struct ScoreReport {
    std::string model;
    double threshold = 0.5;
    std::vector<SetScore> sets;
};

/// "[10, 11, 1]", with "samples" in front; -1 is "?".
[[nodiscard]] std::string shape_text(const std::vector<std::int64_t>& sample);

[[nodiscard]] std::string model_text(const ModelReport& report);
[[nodiscard]] std::string model_json(const ModelReport& report);
[[nodiscard]] std::string score_text(const ScoreReport& report);
[[nodiscard]] std::string score_json(const ScoreReport& report);

}  // namespace weir::cli

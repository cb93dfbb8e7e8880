// SPDX-License-Identifier: Apache-2.0
#pragma once
// How well a model tells attacks in sets of samples. Ownership: plain values. Thread rule: one
// thread.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/runner.h"
#include "weir/result.h"

namespace weir::cli {

struct SetScore {
    std::string set;  ///< path
    std::uint64_t samples = 0;
    bool has_labels = false;
    std::uint64_t true_positive = 0, false_negative = 0;  ///< of attacks: score above or not
    std::uint64_t false_positive = 0,
                  true_negative = 0;  ///< of the rest, and of all without labels
    std::uint64_t predict_ns = 0;     ///< prediction alone

    [[nodiscard]] std::uint64_t above() const { return true_positive + false_positive; }
    [[nodiscard]] double share_above() const;
    [[nodiscard]] double accuracy() const;
    [[nodiscard]] double flows_per_s() const;
    void add(const SetScore& other);
};

struct ScoreOptions {
    double threshold = 0.5;
    /// Called for every sample in order; `label` is -1 where there is none.
    std::function<Result<>(const std::string& set, std::uint64_t sample, int label, float score)>
        on_score;
    std::function<void(const std::string& set, std::uint64_t done, std::uint64_t samples)> on_batch;
};

/// That the samples of every set are what the model takes, and that it gives one number. Errors:
/// those of SetReader::open(); Rejected, with both shapes.
[[nodiscard]] Result<> check_sets(const std::string& model, const model::Runner& runner,
                                  const std::vector<std::string>& sets);

/// Errors: those of SetReader and Runner; Io (a score is no number). Cost: batches of 1,024.
[[nodiscard]] Result<SetScore> score_set(const model::Runner& runner, const std::string& set,
                                         const ScoreOptions& options);

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the scores of benign flows to a threshold: how often a model calls one an attack, and the
// least score above which it does so as seldom as wanted.
//
//     Calibration seen;
//     seen.add(window);                                      // each window of benign traffic
//     const Suggestion s = seen.suggest(0.001);              // one flow of a thousand
//
// Ownership: plain values. Thread rule: one thread at a time.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/window.h"

namespace weir::cli {

/// What a threshold means for the traffic that was seen.
struct FalseAlarms {
    double threshold = 0;
    std::size_t flows = 0, windows = 0;  ///< with a score above it
    double share = 0;                    ///< of all flows
    double most = 0;  ///< share that is as likely as not to 95 % no less (Wilson)
    double flows_per_hour = 0, windows_per_hour = 0;
};

struct Suggestion {
    std::optional<FalseAlarms> least;  ///< the least threshold that keeps to what is wanted; none:
                                       ///< not even 0.9999 does
    FalseAlarms own;                   ///< at the model's own threshold
    /// The one to take: the model's own where that keeps to it, else the least.
    [[nodiscard]] const FalseAlarms* taken() const;
};

class Calibration {
public:
    void add(const Window& window);
    /// `share` of flows that may be called an attack. Cost: one sort.
    [[nodiscard]] Suggestion suggest(double share);
    [[nodiscard]] FalseAlarms at(double threshold) const;

    [[nodiscard]] std::size_t flows() const { return scores_.size(); }
    [[nodiscard]] std::size_t windows() const { return windows_; }
    [[nodiscard]] double seconds() const { return seconds_; }
    [[nodiscard]] std::uint64_t untracked() const { return untracked_; }

private:
    std::vector<float> scores_, highest_;  // of each flow; of each window with flows
    std::size_t windows_ = 0;
    double seconds_ = 0;
    double own_ = 0.5;  // the model's threshold
    std::uint64_t untracked_ = 0;
};

struct CalibrationReport {
    std::string model;
    double window_s = 0;
    double wanted = 0;  ///< share of flows
    std::size_t flows = 0, windows = 0;
    double seconds = 0;
    std::uint64_t untracked = 0;
    Suggestion suggestion;
    std::vector<FalseAlarms> table;  ///< thresholds beside each other
};

[[nodiscard]] CalibrationReport report_of(Calibration& seen, double wanted);
[[nodiscard]] std::string calibration_text(const CalibrationReport& report);
[[nodiscard]] std::string calibration_json(const CalibrationReport& report);

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model on the flows of every window: a score a flow, and who attacks whom.
//
//     auto detector = model::Detector::open(options, window);     // before the probe is loaded
//     detector->fit(layout, row_type, "ddos");                    // once it is
//     auto detection = detector->run(table, timings);             // each window
//
// Ownership: owns the network; its file is not looked at again. A Detection borrows the scores
// until the next run. Thread rule: one thread at a time; run() uses more where the options say so.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "model/detector_plan.h"
#include "model/ends.h"
#include "model/input.h"
#include "model/runner.h"
#include "weir/engine.h"
#include "weir/result.h"
#include "weir/window.h"

namespace weir::model {

class Detector {
public:
    /// Loads the network and finds its profile. Errors: those of Runner::open() and
    /// plan_detector().
    [[nodiscard]] static Result<std::unique_ptr<Detector>> open(const ModelOptions& options,
                                                                std::chrono::nanoseconds window);

    [[nodiscard]] const InputShape& shape() const { return plan_.shape; }
    /// What was assumed; empty: nothing.
    [[nodiscard]] const std::string& notice() const { return plan_.profile.notice; }

    /// Once, before run(). The layout and the type live as long as the detector.
    /// Errors: Rejected, with what the probe has and what the model wants.
    [[nodiscard]] Result<> fit(const FlowLayout& layout, const Type& row);

    /// Scores every flow of the table, which has the layout that was fitted. Adds convert and
    /// predict to the timings: the time that a thread took, on average. Errors: Io.
    /// Cost: the network's, in batches of 1,024 flows, and 1 us an alert.
    [[nodiscard]] Result<Detection> run(const Table& table, StageTimings& timings);

private:
    struct Work;
    struct Fitted {
        Input input;
        Ends ends;
    };
    Detector(ModelOptions options, std::chrono::nanoseconds window, Runner network,
             DetectorPlan plan);
    [[nodiscard]] Result<> score(const Table& table, StageTimings& timings);
    void score_batches(const Table& table, std::span<const FlowContext> context, Work& work);
    [[nodiscard]] std::vector<std::uint32_t> alerted_rows() const;

    ModelOptions options_;
    std::chrono::nanoseconds window_;
    Runner network_;
    DetectorPlan plan_;
    std::unique_ptr<const Fitted> fitted_;  // since fit()
    std::vector<float> scores_;
};

}  // namespace weir::model

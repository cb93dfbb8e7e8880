// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a detector makes of a network before there is a probe: the packets and features that it
// takes, where these come from, and above which score a flow is malicious.
//
//     auto plan = model::plan_detector(network.signature(), {.file = "lucid.h5"});
//
// Ownership: plain values. Thread rule: immutable.
#include "model/input.h"
#include "model/profile.h"
#include "model/runner.h"
#include "weir/engine.h"
#include "weir/result.h"

namespace weir::model {

struct DetectorPlan {
    InputShape shape;
    ChosenProfile profile;
    double threshold = 0;  ///< the options', else the profile's, else 0.5
};

/// Errors: those of choose_profile(); Rejected: an input that is not packets of features, an output
/// that is neither a score nor two classes, a profile with another number of features.
[[nodiscard]] Result<DetectorPlan> plan_detector(const Signature& signature,
                                                 const ModelOptions& options);

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#include "model/detector_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace weir::model {
namespace {

constexpr double kThreshold = 0.5;
constexpr std::size_t kScoreOrTwo = 2;  // of two classes the second is the attack

}  // namespace

Result<DetectorPlan> plan_detector(const Signature& signature, const ModelOptions& options) {
    auto shape = input_shape(signature.input);
    if (!shape) return pass_on(shape);
    if (signature.output_values() == 0 || signature.output_values() > kScoreOrTwo)
        return fail(Errc::Rejected,
                    fmt::format("its output is [samples, {}]: a score, or two classes of which the "
                                "second is the attack, were wanted",
                                fmt::join(signature.output, ", ")));
    auto chosen = choose_profile(options.profile, options.file, shape->features);
    if (!chosen) return pass_on(chosen);
    const Profile& profile = chosen->profile;
    if (profile.features.size() != shape->features)
        return fail(Errc::Rejected,
                    fmt::format("the model takes [{}, {}] (packets, features); the profile {} has "
                                "{} features: {}",
                                shape->packets, shape->features, profile.name,
                                profile.features.size(), feature_names(profile)));
    const double threshold = options.threshold.value_or(profile.threshold.value_or(kThreshold));
    return DetectorPlan{.shape = *shape, .profile = std::move(*chosen), .threshold = threshold};
}

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `weir run --check` says of a policy: on each hook the chain in its order, and of each probe
// what `weir check` says of it. Plain values, pure functions.
#include <cstddef>
#include <string>
#include <vector>

#include "cli/check_report.h"
#include "weir/hook.h"
#include "weir/policy.h"
#include "weir/result.h"

namespace weir::cli {

/// A probe was checked once for each kind of hook that it stands on.
struct CheckedProbe {
    std::size_t probe = 0;  ///< place in the policy
    CheckReport report = {};
};

struct PlannedChain {
    std::string interface;  ///< as the policy has it: a name or a glob
    Hook hook = Hook::Xdp;
    std::vector<std::size_t> probes = {};  ///< places in the policy; the first sees packets first
};

/// The probe's hooks; where it names none, that which its program is for.
[[nodiscard]] std::vector<Hook> hooks_of(const PolicyProbe& probe, const CheckReport& report);

/// In the order of the file. An interface that is named has the probes too whose globs match it; a
/// glob stands for those that are not named. Errors: Invalid (too many probes in a chain; a foreign
/// object that is not its chain's last).
[[nodiscard]] Result<std::vector<PlannedChain>> plan_chains(
    const Policy& policy, const std::vector<CheckedProbe>& checked);

struct PolicyPlan {
    std::string file;
    Policy policy;
    std::vector<PlannedChain> chains;
    std::vector<CheckedProbe> checked;
};

[[nodiscard]] std::string plan_text(const PolicyPlan& plan);
/// One JSON object and a newline.
[[nodiscard]] std::string plan_json(const PolicyPlan& plan);

}  // namespace weir::cli

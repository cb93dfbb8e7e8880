// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compiles, loads and verifies a probe, and lists what is in it; attaches nothing. What `weir
// check` and `weir run --check` do. Thread rule: one thread.
#include <chrono>
#include <optional>

#include "cli/check_report.h"
#include "weir/engine.h"
#include "weir/hook.h"
#include "weir/result.h"

namespace weir::cli {

struct ProbeCheck {
    ProbeOptions probe = {};
    std::optional<Hook> hook = {};  ///< none: what the program is for
    ModelOptions model = {};        ///< loaded too, and fitted to the probe
    std::chrono::nanoseconds window = std::chrono::seconds(10);  ///< for the model
};

/// Errors: those of Engine::inject() but for the interface's. Nothing stays in the kernel.
[[nodiscard]] Result<CheckReport> check_probe(const ProbeCheck& wanted);

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once
// One function per verb: adds its options to the command line and says what to run when it is
// chosen. Each returns the exit code (docs/design.md).
#include <CLI/CLI.hpp>
#include <functional>

namespace weir::cli {

using Run = std::function<int()>;

[[nodiscard]] Run add_inject(CLI::App& app);
[[nodiscard]] Run add_replay(CLI::App& app);
[[nodiscard]] Run add_run(CLI::App& app);
[[nodiscard]] Run add_model(CLI::App& app);
/// A verb below `model`.
[[nodiscard]] Run add_calibrate(CLI::App& model);
[[nodiscard]] Run add_check(CLI::App& app);
[[nodiscard]] Run add_doctor(CLI::App& app);

}  // namespace weir::cli

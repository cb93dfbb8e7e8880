// SPDX-License-Identifier: Apache-2.0
#pragma once
// For `weir doctor`: the programs and libraries around weir, tried now. Thread rule: the main
// thread.
#include <vector>

#include "cli/doctor_report.h"

namespace weir::cli {

/// clang with the bpf target, libbpf's headers, the cache folder: needed for source, not for
/// objects and shipped probes.
void add_compiler(std::vector<Finding>& findings);

/// ONNX Runtime, without which there are no models, and whether it has CUDA.
void add_models(std::vector<Finding>& findings);

/// What the demo and the tests call.
void add_tools(std::vector<Finding>& findings);

}  // namespace weir::cli

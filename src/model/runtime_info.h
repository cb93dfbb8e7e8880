// SPDX-License-Identifier: Apache-2.0
#pragma once
// What runs models on this machine, for `weir doctor`. Ownership: plain values. Thread-safe.
#include <string>

#include "weir/result.h"

namespace weir::model {

struct RuntimeInfo {
    std::string path;     ///< the library's file, as the loader found it
    std::string version;  ///< "1.30.0"
    Result<> cuda;        ///< whether --device cuda can be; else Unsupported, and why
};

/// Loads ONNX Runtime and asks it. Errors: Unsupported (none there, or too old); the log has a line
/// for each place where it was looked for. Cost: 20 ms; where it has CUDA, the time to load that.
[[nodiscard]] Result<RuntimeInfo> runtime_info();

}  // namespace weir::model

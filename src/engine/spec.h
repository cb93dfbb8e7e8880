// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the public options to what the probe module builds from. Pure function.
#include "probe/image.h"
#include "weir/engine.h"
#include "weir/result.h"

namespace weir {

/// Errors: Invalid (a setting that names another probe).
[[nodiscard]] Result<ProbeSpec> make_spec(const ProbeOptions& options, ProbeFile file);

}  // namespace weir

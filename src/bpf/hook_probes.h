// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the feature probes: tries to attach a program, each way once. The interface is one of a
// private network namespace (probe_places.h), which takes with it what is left. Thread-safe.
#include "bpf/features.h"

namespace weir::bpf {

[[nodiscard]] Outcome try_xdp_link(int interface);
[[nodiscard]] Outcome try_tcx(int interface);
[[nodiscard]] Outcome try_clsact(int interface);

}  // namespace weir::bpf

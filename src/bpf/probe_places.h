// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the feature probes: places to try something in that touch nothing of the machine (a network
// namespace of one's own), and the probes that need no BPF. Each runs on a thread of its own, so
// that namespace and affinity of the caller stay as they are. Thread-safe.
#include <functional>
#include <string_view>
#include <vector>

#include "bpf/features.h"

namespace weir::bpf {

/// Calls `f` with the index of the only interface (loopback) of a new network namespace, which is
/// gone soon after. NotTried where none can be made (that takes CAP_SYS_ADMIN).
[[nodiscard]] Outcome in_private_network(const std::function<Outcome(int interface)>& f);

[[nodiscard]] Outcome probe_kernel_btf();

/// Whether a thread may run on every online CPU, and having run there means that no program runs
/// there any more (not with PREEMPT_RT).
[[nodiscard]] Outcome probe_visit_cpus();

/// "0-2,5" is 0, 1, 2, 5. Empty where the text is no such list.
[[nodiscard]] std::vector<unsigned> parse_cpu_list(std::string_view text);

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Waits until every program run that is under way now has ended, by the one call that always does:
// an update of a map of maps.
//
// Ownership: owns two small maps. Thread rule: one thread.
#include "util/fd.h"
#include "weir/result.h"

namespace weir::bpf {

class RcuBarrier {
public:
    /// Errors: Permission, Io.
    [[nodiscard]] static Result<RcuBarrier> create();

    /// Cost: 8 ms idle, 14 ms loaded (docs/design.md).
    // KERNEL: kernel/bpf/syscall.c:maybe_wait_bpf_programs calls synchronize_rcu() after an update
    // of an ARRAY_OF_MAPS or HASH_OF_MAPS, v5.0 and later.
    [[nodiscard]] Result<> wait();

private:
    RcuBarrier(UniqueFd inner, UniqueFd outer)
        : inner_(std::move(inner)), outer_(std::move(outer)) {}
    UniqueFd inner_;
    UniqueFd outer_;
};

}  // namespace weir::bpf

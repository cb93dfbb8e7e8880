// SPDX-License-Identifier: Apache-2.0
#pragma once
// The wait between a flip and the first read: until no CPU runs inside the retired clones any more.
//
//     chain.flip(mask);
//     if (auto r = grace.wait(); !r) return wrap(r, "grace");
//
// XDP and tc programs run with bottom halves off, so on a kernel that is not PREEMPT_RT no thread
// can run on a CPU in the middle of one: once this thread has run on every online CPU since the
// flip, every run that began before it has ended. Where that cannot be done, an update of a map of
// maps waits for RCU.
//
// Thread rule: the engine's thread alone (it is moved from CPU to CPU and back).
#include "bpf/rcu_barrier.h"
#include "weir/result.h"

namespace weir {

enum class GraceMethod {
    Auto,       // VisitCpus where it is sound and allowed, else MapInMap
    VisitCpus,  // 0.1 ms idle, 1 to 6 ms loaded
    MapInMap,   // 8 to 14 ms
    None,       // unsound: for the test that shows so
};

class Grace {
public:
    /// Errors: Permission, Io (maps of the barrier).
    [[nodiscard]] static Result<Grace> create(GraceMethod method);

    [[nodiscard]] Result<> wait();
    /// What the next wait() will do first: never Auto.
    [[nodiscard]] GraceMethod method() const { return method_; }

private:
    Grace(GraceMethod method, bpf::RcuBarrier barrier)
        : method_(method), barrier_(std::move(barrier)) {}
    GraceMethod method_;
    bpf::RcuBarrier barrier_;
};

}  // namespace weir

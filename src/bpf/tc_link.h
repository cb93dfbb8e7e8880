// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program on a tc hook of an interface: a TCX link where the kernel has them (6.6), else a clsact
// filter. A link is a descriptor, gone with the process; of a filter see clsact.h.
//
//     auto link = TcLink::attach(pivot, eth0, Hook::TcIngress);
//
// It takes the place behind the programs (TCX) or filters (clsact) that are on the hook: whoever
// came first decides first, and what he ends, we do not see. We end no packet that he would not
// have got: our verdict for "go on" is TCX_NEXT, which is a filter's TC_ACT_UNSPEC, so those behind
// us run too. All TCX programs of a hook run before its filters. Nobody is evicted, and as many
// processes as like may attach (64 programs a hook with TCX).
//
// Ownership: unique. Thread rule: one thread.
#include <optional>

#include "bpf/clsact.h"
#include "bpf/interface.h"
#include "bpf/object.h"
#include "util/fd.h"
#include "util/fork_guard.h"
#include "weir/hook.h"
#include "weir/result.h"

namespace weir::bpf {

class [[nodiscard("destroying a link detaches its program")]] TcLink {
public:
    /// `program` is of type BPF_PROG_TYPE_SCHED_CLS. WEIR_DISABLE=tcx has it be a filter.
    /// Errors: NotFound (no such interface), Busy (no room on the hook), Unsupported, Invalid
    /// (another type of program), Permission. On error everything is as it was.
    [[nodiscard]] static Result<TcLink> attach(const Program& program, IfIndex interface,
                                               Hook hook);

    /// False once the interface has vanished, or where somebody detached the program.
    [[nodiscard]] bool is_attached() const;

    /// "tcx" or "clsact".
    [[nodiscard]] const char* way() const { return filter_ ? "clsact" : "tcx"; }

private:
    explicit TcLink(UniqueFd link) : link_(std::move(link)), guard_(link_.get()) {}
    explicit TcLink(ClsactFilter filter) : filter_(std::move(filter)), guard_(filter_->fd()) {}
    UniqueFd link_;  // this one or the filter
    std::optional<ClsactFilter> filter_;
    ForkGuard guard_;  // dies first
};

}  // namespace weir::bpf

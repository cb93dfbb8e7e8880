// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program on a tc hook by a filter of the clsact qdisc: for kernels without TCX (before 6.6).
// Unlike a link, filter and qdisc stay when the process dies; remove_dead_filters() finds them.
//
// A filter's name says whose it is (filter_owner.h), its handle whether weir made the qdisc that it
// is in: kHandleInOurQdisc. A filter that finds such a one in the qdisc gets the same handle. So
// the last of weir's to go knows, even after others were killed, that the qdisc goes with it,
// provided that nobody else has put a filter there. A qdisc that was there before is never removed.
//
// Ownership: unique; destroying it removes the filter. A child that fork()ed removes nothing.
// Thread rule: one thread. Kernel: 4.15 (filters tell their program).
#include <linux/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "bpf/object.h"
#include "weir/hook.h"
#include "weir/result.h"

namespace weir::bpf {

constexpr std::uint32_t kHandleInOurQdisc = 0x77656972;  // "weir"
constexpr std::uint32_t kHandleInOtherQdisc = 1;

class [[nodiscard("destroying a filter detaches its program")]] ClsactFilter {
public:
    /// Behind the filters that are there, and the qdisc is made where it is missing. Errors:
    /// NotFound (no such interface), Busy (a qdisc that has no such hook is in the place),
    /// Unsupported, Permission, Io. On error everything is as it was.
    [[nodiscard]] static Result<ClsactFilter> attach(const Program& program, IfIndex interface,
                                                     Hook hook);

    /// False once the interface has vanished, or somebody has removed the filter or the qdisc.
    [[nodiscard]] bool is_attached() const;

    /// To be closed in children: the socket that the filter is removed through.
    [[nodiscard]] int fd() const;

    struct Placed;  // for clsact.cpp only

private:
    struct Remove {
        void operator()(Placed* placed) const noexcept;
    };
    explicit ClsactFilter(std::unique_ptr<Placed, Remove> placed) : placed_(std::move(placed)) {}
    std::unique_ptr<Placed, Remove> placed_;
};

/// Removes what processes of weir left in this network namespace when they were killed: clsact
/// filters, and the qdisc where that was theirs and nothing else is in it. Filters whose process
/// lives, or of which that cannot be told (filter_owner.h), stay.
/// Returns a line for each: "eth0: removed the tc-ingress filter of process 123, which has ended".
/// Errors: Permission, Io; what was removed until then stays removed.
/// Cost: one dump where no interface has such a qdisc, else two more for each that has.
[[nodiscard]] Result<std::vector<std::string>> remove_dead_filters();

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What hangs on the tc hooks of interfaces: the qdisc that has them, and the filters in it. No
// policy: clsact.h decides what to add and remove.
//
// Ownership: plain values. Thread rule: that of the Netlink. Source: net/sched/sch_api.c,
// net/sched/cls_api.c.
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "bpf/netlink.h"
#include "weir/hook.h"
#include "weir/result.h"

namespace weir::bpf {

/// The qdisc at an interface's hooks: "clsact", or the older "ingress", which has one only.
struct HookQdisc {
    IfIndex interface{};
    std::string kind;
};

/// Of all interfaces. Cost: one dump.
[[nodiscard]] Result<std::vector<HookQdisc>> hook_qdiscs(Netlink& netlink);

/// An entry of a filter list. Those of handle 0 say that the list has this priority at all.
struct TcFilter {
    Hook hook{};
    std::uint32_t chain = 0;
    std::uint32_t info = 0;  // priority << 16 | protocol, as the kernel has it
    std::uint32_t handle = 0;
    std::string name = {};         // of a BPF filter, else empty
    std::uint32_t program_id = 0;  // of a BPF filter, else 0

    [[nodiscard]] std::uint32_t priority() const { return info >> 16; }
    bool operator==(const TcFilter&) const = default;
};

/// Of all hooks that the qdisc has.
[[nodiscard]] Result<std::vector<TcFilter>> tc_filters(Netlink& netlink, const HookQdisc& qdisc);

[[nodiscard]] NetlinkRequest add_clsact(IfIndex interface);
[[nodiscard]] NetlinkRequest remove_clsact(IfIndex interface);
/// `info` of a filter for all protocols.
[[nodiscard]] std::uint32_t filter_info(std::uint32_t priority);
/// A BPF filter whose program's return value is the verdict (direct action). `filter` says where;
/// its program is `program_fd`.
[[nodiscard]] NetlinkRequest add_filter(IfIndex interface, const TcFilter& filter, int program_fd);
[[nodiscard]] NetlinkRequest remove_filter(IfIndex interface, const TcFilter& filter);

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program on the XDP hook of an interface. The link is a descriptor: when it is closed, also by
// the death of the process, the interface is as it was. Pinning, which would outlive us, is not
// offered.
//
// Ownership: unique. Thread rule: one thread. Kernel: 5.9 (XDP links).
#include <string>

#include "bpf/interface.h"
#include "bpf/object.h"
#include "util/fd.h"
#include "util/fork_guard.h"
#include "weir/result.h"

namespace weir::bpf {

class [[nodiscard("destroying a link detaches its program")]] XdpLink {
public:
    /// Errors: Busy (the hook is taken), NotFound (no such interface), Unsupported or Invalid (the
    /// driver or the device cannot run it in this mode: a fall-back to Skb may), Permission.
    [[nodiscard]] static Result<XdpLink> attach(const Program& program, IfIndex interface,
                                                XdpMode mode);

    /// Whether the link still sits on an interface; false once that has vanished, or where somebody
    /// detached the link.
    [[nodiscard]] bool is_attached() const;

    /// "skb", "drv" or "hw".
    [[nodiscard]] const char* way() const { return xdp_mode_name(mode_); }

private:
    XdpLink(UniqueFd fd, XdpMode mode) : fd_(std::move(fd)), mode_(mode), guard_(fd_.get()) {}
    UniqueFd fd_;
    XdpMode mode_;
    ForkGuard guard_;  // dies first
};

}  // namespace weir::bpf

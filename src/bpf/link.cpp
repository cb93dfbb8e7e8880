// SPDX-License-Identifier: Apache-2.0
#include "bpf/link.h"

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include <array>

#include "bpf/features.h"
#include "bpf/inspect.h"
#include "util/errno.h"

namespace weir::bpf {
namespace {

std::uint32_t mode_flag(XdpMode mode) {
    switch (mode) {
        case XdpMode::Skb: return XDP_FLAGS_SKB_MODE;
        case XdpMode::Drv: return XDP_FLAGS_DRV_MODE;
        case XdpMode::Hw: return XDP_FLAGS_HW_MODE;
    }
    return XDP_FLAGS_SKB_MODE;
}

}  // namespace

Result<XdpLink> XdpLink::attach(const Program& program, IfIndex interface, XdpMode mode) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = mode_flag(mode));
    const int fd = bpf_link_create(program.fd, number(interface), BPF_XDP, &options);
    if (auto r = check(fd, "attach"); !r) {
        // Only this mode of this device, or the kernel as a whole?
        constexpr std::array kNeeded = {Feature::XdpLink};
        return std::unexpected(mode == XdpMode::Skb ? explain(std::move(r).error(), kNeeded)
                                                    : std::move(r).error());
    }
    return XdpLink(UniqueFd(fd), mode);
}

bool XdpLink::is_attached() const { return is_link_attached(fd_.get()); }

}  // namespace weir::bpf

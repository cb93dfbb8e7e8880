// SPDX-License-Identifier: Apache-2.0
#pragma once
// Network interfaces as weir needs to know them: index and name, who owns the XDP hook, and what
// the driver can do, in the network namespace of the calling thread. When they come and go:
// interface_events.h.
//
//     auto eth0 = bpf::interface_index("eth0");
//     auto facts = bpf::xdp_facts(*eth0);
//     if (!facts->owners.empty()) ...   // somebody else's program: name it and stop
//
// Ownership: plain values. Thread-safe. Kernel: 5.15; driver features are known since 6.3.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/fd.h"
#include "weir/result.h"

namespace weir::bpf {

/// An interface of one network namespace. Never 0.
enum class IfIndex : std::uint32_t {};

[[nodiscard]] constexpr int number(IfIndex interface) { return static_cast<int>(interface); }

struct Interface {
    IfIndex index{};
    std::string name;
};

/// By index.
[[nodiscard]] std::vector<Interface> interfaces();

/// Errors: NotFound, with the interfaces that there are as hint.
[[nodiscard]] Result<IfIndex> interface_index(const std::string& name);
/// Errors: NotFound.
[[nodiscard]] Result<std::string> interface_name(IfIndex interface);
/// Bytes. Errors: NotFound.
[[nodiscard]] Result<std::uint32_t> interface_mtu(IfIndex interface);
/// Whether frames of the interface begin with IP: tun, PPP, tunnels. Errors: NotFound, Io.
/// Source: include/uapi/linux/if_arp.h.
[[nodiscard]] Result<bool> is_raw_ip(IfIndex interface);

enum class XdpMode { Skb, Drv, Hw };

/// "skb", "drv", "hw".
[[nodiscard]] const char* xdp_mode_name(XdpMode mode);

struct XdpOwner {
    std::uint32_t program_id = 0;
    std::string program_name;  // empty where it may not be asked (that takes CAP_SYS_ADMIN)
    XdpMode mode{};
};

struct XdpFacts {
    std::vector<XdpOwner> owners;  // empty: the hook is free; several: one per mode
    // What the driver says of itself; empty where the kernel cannot tell (before 6.3).
    std::optional<bool> driver_has_xdp;
    std::optional<bool> driver_has_frags;  // packets of many buffers, hence large MTUs, in drv mode
};

/// Errors: NotFound.
[[nodiscard]] Result<XdpFacts> xdp_facts(IfIndex interface);

/// "eth0 already carries XDP program 'filter' (id 7, drv)".
[[nodiscard]] std::string describe_owner(const std::string& interface, const XdpOwner& owner);

}  // namespace weir::bpf

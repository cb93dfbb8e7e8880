// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where in the kernel a chain of probes sits. Immutable; pure functions.
#include <array>
#include <optional>
#include <string_view>

namespace weir {

enum class Hook {
    Xdp,        ///< in the driver, before the kernel has made a packet of the frame
    TcIngress,  ///< behind it, of what arrives
    TcEgress,   ///< of what leaves
};

inline constexpr std::array kHooks = {Hook::Xdp, Hook::TcIngress, Hook::TcEgress};

/// "xdp", "tc-ingress", "tc-egress".
[[nodiscard]] constexpr const char* hook_name(Hook hook) {
    switch (hook) {
        case Hook::Xdp: return "xdp";
        case Hook::TcIngress: return "tc-ingress";
        case Hook::TcEgress: return "tc-egress";
    }
    return "?";
}

/// Nothing where it names none.
[[nodiscard]] constexpr std::optional<Hook> parse_hook(std::string_view name) {
    for (const Hook hook : kHooks)
        if (name == hook_name(hook)) return hook;
    return std::nullopt;
}

/// Whether programs see a packet of the kernel's (struct __sk_buff), not a frame (struct xdp_md).
[[nodiscard]] constexpr bool is_tc(Hook hook) { return hook != Hook::Xdp; }

}  // namespace weir

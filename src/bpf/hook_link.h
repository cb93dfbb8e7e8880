// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program on any hook of an interface: what holds one need not know which.
//
//     HookLink link = std::move(*XdpLink::attach(pivot, eth0, XdpMode::Skb));
//     if (!is_attached(link)) ...
//
// Ownership: unique. Thread rule: one thread.
#include <variant>

#include "bpf/link.h"
#include "bpf/tc_link.h"

namespace weir::bpf {

using HookLink = std::variant<XdpLink, TcLink>;

/// False once the interface has vanished, or where somebody detached the program.
[[nodiscard]] inline bool is_attached(const HookLink& link) {
    return std::visit([](const auto& one) { return one.is_attached(); }, link);
}

/// "skb", "drv", "hw", "tcx" or "clsact".
[[nodiscard]] inline const char* way(const HookLink& link) {
    return std::visit([](const auto& one) { return one.way(); }, link);
}

}  // namespace weir::bpf

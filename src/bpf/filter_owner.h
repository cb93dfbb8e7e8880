// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whose a clsact filter is. A filter stays when its process dies, so its name says which process
// that was: "weir:PID:START", START being when it started (clock ticks after boot, proc(5), field
// 22 of stat). Two processes never have both in common.
//
// PIDs mean something in their PID namespace only. Outside the machine's first one the name is
// "weir:PID:START:NAMESPACE" (the inode number of /proc/self/ns/pid), and nobody judges the filter
// of another namespace: it might be alive.
//
// Ownership: plain values. Thread-safe.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::bpf {

struct FilterOwner {
    pid_t pid = 0;
    std::uint64_t start = 0;
    std::uint64_t pid_namespace = 0;  // 0: the machine's first
    bool operator==(const FilterOwner&) const = default;
};

/// This process.
[[nodiscard]] FilterOwner own_filters();

[[nodiscard]] std::string filter_name(const FilterOwner& owner);
/// Nothing where the name is not one of weir's.
[[nodiscard]] std::optional<FilterOwner> parse_filter_name(std::string_view name);

/// Whether the process has ended, also where nobody has waited for it yet. False where that cannot
/// be told: another PID namespace, or /proc not ours to read.
[[nodiscard]] bool is_dead(const FilterOwner& owner);

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Linux capabilities of the calling thread: which of those that weir needs are effective, and
// giving all others up.
//
//     if (auto r = require_inject_privileges(); !r) return r;
//     (void)keep_only({Capability::Bpf, Capability::NetAdmin, Capability::Perfmon});
//
// Ownership: plain values. Thread rule: every call speaks of the calling thread alone. Kernel: 5.8
// (CAP_BPF).
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir {

/// By the kernel's numbers; only those that weir speaks of.
enum class Capability : std::uint8_t {
    DacOverride = 1,
    NetAdmin = 12,
    SysAdmin = 21,
    Perfmon = 38,
    Bpf = 39
};

/// "CAP_NET_ADMIN", as setcap and the manual pages write it.
[[nodiscard]] const char* capability_name(Capability capability);

class CapabilitySet {
public:
    CapabilitySet() = default;
    CapabilitySet(std::initializer_list<Capability> members);
    static CapabilitySet from_bits(std::uint64_t bits);

    [[nodiscard]] bool has(Capability capability) const;
    [[nodiscard]] std::uint64_t bits() const { return bits_; }

private:
    std::uint64_t bits_ = 0;
};

[[nodiscard]] Result<CapabilitySet> effective_capabilities();

/// Lowers the permitted and the effective set to what is in `kept` and held now; the inheritable
/// set becomes empty. Cannot be undone by this thread, except that a process of user 0 regains all
/// by execve(). Errors: as errno says; the sets are as before.
[[nodiscard]] Result<> keep_only(CapabilitySet kept);

/// What `weir inject` lacks, in a fixed order. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON.
/// Source: include/linux/bpf.h:bpf_capable, include/linux/capability.h:perfmon_capable, v5.8.
[[nodiscard]] std::vector<Capability> missing_for_inject(CapabilitySet held);

/// Errors: Permission, naming what is missing, with a hint.
[[nodiscard]] Result<> require_inject_privileges();

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "util/privileges.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "util/errno.h"

namespace weir {
namespace {

// The kernel's 64 bits travel as two words of 32: [0] the low one.
using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// Raw calls: the C library has no wrapper, and pid 0 means this thread, not the process.
Result<CapabilityData> get_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    CapabilityData data{};
    if (auto r = check_errno(::syscall(SYS_capget, &header, data.data()), "capget"); !r) {
        return pass_on(r);
    }
    return data;
}

Result<> set_capabilities(const CapabilityData& data) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    return check_errno(::syscall(SYS_capset, &header, data.data()), "capset");
}

constexpr std::uint64_t bit(Capability capability) {
    return 1ULL << static_cast<unsigned>(capability);
}

}  // namespace

const char* capability_name(Capability capability) {
    switch (capability) {
        case Capability::DacOverride: return "CAP_DAC_OVERRIDE";
        case Capability::NetAdmin: return "CAP_NET_ADMIN";
        case Capability::SysAdmin: return "CAP_SYS_ADMIN";
        case Capability::Perfmon: return "CAP_PERFMON";
        case Capability::Bpf: return "CAP_BPF";
    }
    return "CAP_?";
}

CapabilitySet::CapabilitySet(std::initializer_list<Capability> members) {
    for (const Capability member : members) bits_ |= bit(member);
}

CapabilitySet CapabilitySet::from_bits(std::uint64_t bits) {
    CapabilitySet set;
    set.bits_ = bits;
    return set;
}

bool CapabilitySet::has(Capability capability) const { return (bits_ & bit(capability)) != 0; }

Result<CapabilitySet> effective_capabilities() {
    auto data = get_capabilities();
    if (!data) return pass_on(data);
    return CapabilitySet::from_bits((*data)[0].effective | std::uint64_t{(*data)[1].effective}
                                                               << 32);
}

Result<> keep_only(CapabilitySet kept) {
    auto data = get_capabilities();
    if (!data) return pass_on(data);
    const std::array words{static_cast<std::uint32_t>(kept.bits()),
                           static_cast<std::uint32_t>(kept.bits() >> 32)};
    for (std::size_t i = 0; i < words.size(); ++i) {
        (*data)[i].permitted &= words[i];
        (*data)[i].effective &= words[i];
        (*data)[i].inheritable = 0;
    }
    return set_capabilities(*data);
}

std::vector<Capability> missing_for_inject(CapabilitySet held) {
    std::vector<Capability> missing;
    const bool is_admin = held.has(Capability::SysAdmin);
    if (!held.has(Capability::Bpf) && !is_admin) missing.push_back(Capability::Bpf);
    if (!held.has(Capability::NetAdmin)) missing.push_back(Capability::NetAdmin);
    if (!held.has(Capability::Perfmon) && !is_admin) missing.push_back(Capability::Perfmon);
    return missing;
}

Result<> require_inject_privileges() {
    auto held = effective_capabilities();
    if (!held) return pass_on(held);
    std::vector<const char*> names;
    for (const Capability capability : missing_for_inject(*held)) {
        names.push_back(capability_name(capability));
    }
    if (names.empty()) return {};
    return fail(Errc::Permission, fmt::format("missing privileges: {}", fmt::join(names, ", ")),
                "run as root, or with sudo, or grant: "
                "setcap cap_bpf,cap_net_admin,cap_perfmon+ep weir");
}

}  // namespace weir

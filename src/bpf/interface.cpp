// SPDX-License-Identifier: Apache-2.0
#include "bpf/interface.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "bpf/features.h"
#include "util/errno.h"

namespace weir::bpf {
namespace {

// include/uapi/linux/netdev.h:enum netdev_xdp_act, v6.3: headers of older distributions lack it.
constexpr std::uint64_t kActBasic = 1U << 0;
constexpr std::uint64_t kActRxSg = 1U << 5;
constexpr KernelVersion kTellsDriverFeatures{.version = 6, .patchlevel = 3};

struct NameIndexFree {
    void operator()(struct if_nameindex* list) const noexcept { if_freenameindex(list); }
};

std::string names_of_all() {
    std::string names;
    for (const Interface& interface : interfaces()) {
        names += names.empty() ? "" : ", ";
        names += interface.name;
    }
    return names;
}

std::string program_name(std::uint32_t id) {
    const UniqueFd program(bpf_prog_get_fd_by_id(id));
    if (!program.is_open()) return {};
    bpf_prog_info info{};
    std::uint32_t bytes = sizeof info;
    if (bpf_prog_get_info_by_fd(program.get(), &info, &bytes) < 0) return {};
    return {info.name, strnlen(info.name, sizeof info.name)};
}

void add_owner(std::vector<XdpOwner>& owners, std::uint32_t id, XdpMode mode) {
    if (id == 0) return;
    owners.push_back({.program_id = id, .program_name = program_name(id), .mode = mode});
}

std::optional<bool> driver_flag(std::uint64_t flags, std::uint64_t wanted) {
    if ((flags & wanted) != 0) return true;
    // Zero is also what a kernel that knows no such flags gives.
    if (flags == 0 && running_kernel() < kTellsDriverFeatures) return std::nullopt;
    return false;
}

/// One of the ioctls that take an interface by name; `what` is what they tell.
Result<ifreq> ask_interface(IfIndex interface, unsigned long request, const char* what) {
    auto name = interface_name(interface);
    if (!name) return pass_on(name);
    const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (auto r = check_errno(any.get(), "socket"); !r) return pass_on(r);
    ifreq answer{};
    name->copy(answer.ifr_name, IF_NAMESIZE - 1);
    if (auto r = check_errno(::ioctl(any.get(), request, &answer), *name + ": " + what); !r)
        return pass_on(r);
    return answer;
}

}  // namespace

std::vector<Interface> interfaces() {
    std::vector<Interface> all;
    const std::unique_ptr<struct if_nameindex, NameIndexFree> list(::if_nameindex());
    if (list == nullptr) return all;
    for (const auto* i = list.get(); i->if_index != 0; ++i) {
        all.push_back({.index = IfIndex{i->if_index}, .name = i->if_name});
    }
    return all;
}

Result<IfIndex> interface_index(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0) {
        return fail(Errc::NotFound, fmt::format("interface {}: no such interface", name),
                    "interfaces here: " + names_of_all());
    }
    return IfIndex{index};
}

Result<std::string> interface_name(IfIndex interface) {
    std::array<char, IF_NAMESIZE> name{};
    if (if_indextoname(static_cast<unsigned>(interface), name.data()) == nullptr) {
        return fail(Errc::NotFound,
                    fmt::format("interface {}: no such interface", number(interface)));
    }
    return std::string(name.data());
}

Result<std::uint32_t> interface_mtu(IfIndex interface) {
    auto answer = ask_interface(interface, SIOCGIFMTU, "MTU");
    if (!answer) return pass_on(answer);
    return static_cast<std::uint32_t>(answer->ifr_mtu);
}

Result<bool> is_raw_ip(IfIndex interface) {
    constexpr std::array kWithoutHeader = {ARPHRD_NONE, ARPHRD_RAWIP,   ARPHRD_PPP,  ARPHRD_TUNNEL,
                                           ARPHRD_SIT,  ARPHRD_TUNNEL6, ARPHRD_IPGRE};
    auto answer = ask_interface(interface, SIOCGIFHWADDR, "kind");
    if (!answer) return pass_on(answer);
    return std::ranges::find(kWithoutHeader, answer->ifr_hwaddr.sa_family) != kWithoutHeader.end();
}

const char* xdp_mode_name(XdpMode mode) {
    switch (mode) {
        case XdpMode::Skb: return "skb";
        case XdpMode::Drv: return "drv";
        case XdpMode::Hw: return "hw";
    }
    return "?";
}

Result<XdpFacts> xdp_facts(IfIndex interface) {
    bpf_xdp_query_opts opts{};
    opts.sz = sizeof opts;
    if (auto r = check(bpf_xdp_query(number(interface), 0, &opts),
                       fmt::format("interface {}: XDP query", number(interface)));
        !r) {
        return pass_on(r);
    }
    XdpFacts facts;
    add_owner(facts.owners, opts.skb_prog_id, XdpMode::Skb);
    add_owner(facts.owners, opts.drv_prog_id, XdpMode::Drv);
    add_owner(facts.owners, opts.hw_prog_id, XdpMode::Hw);
    facts.driver_has_xdp = driver_flag(opts.feature_flags, kActBasic);
    facts.driver_has_frags = driver_flag(opts.feature_flags, kActRxSg);
    return facts;
}

std::string describe_owner(const std::string& interface, const XdpOwner& owner) {
    const std::string name =
        owner.program_name.empty() ? "" : fmt::format(" '{}'", owner.program_name);
    return fmt::format("{} already carries XDP program{} (id {}, {})", interface, name,
                       owner.program_id, xdp_mode_name(owner.mode));
}

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#include "bpf/interface.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

bool exists(IfIndex interface) {
    std::array<char, IF_NAMESIZE> name{};
    return if_indextoname(static_cast<unsigned>(interface), name.data()) != nullptr;
}

Result<UniqueFd> open_link_events() {
    UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (auto r = check_errno(fd.get(), "netlink socket"); !r) return pass_on(r);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    // SAFETY: the socket API takes each family's address through the common head.
    const auto* head = reinterpret_cast<const sockaddr*>(&address);
    if (auto r = check_errno(::bind(fd.get(), head, sizeof address), "netlink bind"); !r) {
        return pass_on(r);
    }
    return fd;
}

/// Whether one of the messages of a datagram says that the interface is gone.
bool names_deletion(const char* bytes, std::size_t length, IfIndex interface) {
    while (length >= sizeof(nlmsghdr)) {
        nlmsghdr header{};
        std::memcpy(&header, bytes, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > length) return false;
        if (header.nlmsg_type == RTM_DELLINK &&
            header.nlmsg_len >= NLMSG_LENGTH(sizeof(ifinfomsg))) {
            ifinfomsg link{};
            std::memcpy(&link, bytes + NLMSG_HDRLEN, sizeof link);
            // A bridge says RTM_DELLINK, family AF_BRIDGE, of a port that only leaves it.
            if (link.ifi_family == AF_UNSPEC && link.ifi_index == number(interface)) return true;
        }
        const std::size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step >= length) return false;
        bytes += step;
        length -= step;
    }
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

Result<InterfaceWatch> InterfaceWatch::open(IfIndex interface) {
    auto socket = open_link_events();
    if (!socket) return pass_on(socket);
    // Asked after subscribing, so that no deletion falls between the two.
    if (auto name = interface_name(interface); !name) return pass_on(name);
    return InterfaceWatch(std::move(*socket), interface);
}

Result<bool> InterfaceWatch::has_vanished() {
    std::array<char, 16384> datagram;  // the kernel's own messages are at most 8 to 16 kB
    while (!has_vanished_) {
        const ssize_t n = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == ENOBUFS) {  // messages were lost: ask instead
            has_vanished_ = !exists(interface_);
            continue;
        }
        if (auto r = check_errno(n, "netlink receive"); !r) return pass_on(r);
        has_vanished_ = names_deletion(datagram.data(), static_cast<std::size_t>(n), interface_);
    }
    return has_vanished_;
}

}  // namespace weir::bpf

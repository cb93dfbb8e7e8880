// SPDX-License-Identifier: Apache-2.0
#include "bpf/tc_filters.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include <array>

namespace weir::bpf {
namespace {

constexpr std::array kTcHooks = {Hook::TcIngress, Hook::TcEgress};

std::uint32_t parent_of(Hook hook) {
    const std::uint32_t minor = hook == Hook::TcEgress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS;
    return TC_H_MAKE(TC_H_CLSACT, minor);
}

tcmsg head_for(IfIndex interface, std::uint32_t parent) {
    tcmsg head{};
    head.tcm_family = AF_UNSPEC;
    head.tcm_ifindex = number(interface);
    head.tcm_parent = parent;
    return head;
}

NetlinkRequest about_clsact(std::uint16_t type, std::uint16_t flags, IfIndex interface) {
    NetlinkRequest request{.type = type, .flags = flags, .head = head_for(interface, TC_H_CLSACT)};
    request.head.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    request.attributes.add(TCA_KIND, "clsact");
    return request;
}

NetlinkRequest about_filter(std::uint16_t type, std::uint16_t flags, IfIndex interface,
                            const TcFilter& filter) {
    NetlinkRequest request{
        .type = type, .flags = flags, .head = head_for(interface, parent_of(filter.hook))};
    request.head.tcm_handle = filter.handle;
    request.head.tcm_info = filter.info;
    request.attributes.add(TCA_KIND, "bpf");
    request.attributes.add(TCA_CHAIN, filter.chain);
    return request;
}

TcFilter filter_of(Hook hook, const tcmsg& head, std::span<const std::byte> attributes) {
    TcFilter filter;
    filter.hook = hook;
    filter.chain = find_number(attributes, TCA_CHAIN);
    filter.info = head.tcm_info;
    filter.handle = head.tcm_handle;
    const auto options = find_attribute(attributes, TCA_OPTIONS);
    if (options && find_text(attributes, TCA_KIND) == "bpf") {
        filter.name = find_text(*options, TCA_BPF_NAME);
        filter.program_id = find_number(*options, TCA_BPF_ID);
    }
    return filter;
}

}  // namespace

Result<std::vector<HookQdisc>> hook_qdiscs(Netlink& netlink) {
    const auto all = netlink.dump({.type = RTM_GETQDISC});
    if (!all) return std::unexpected(all.error());
    std::vector<HookQdisc> qdiscs;
    for (const NetlinkMessage& message : *all) {
        const auto head = message.head<tcmsg>();
        if (!head || head->tcm_parent != TC_H_CLSACT) continue;
        qdiscs.push_back({.interface = IfIndex{static_cast<std::uint32_t>(head->tcm_ifindex)},
                          .kind = find_text(message.attributes(sizeof(tcmsg)), TCA_KIND)});
    }
    return qdiscs;
}

Result<std::vector<TcFilter>> tc_filters(Netlink& netlink, const HookQdisc& qdisc) {
    std::vector<TcFilter> filters;
    for (const Hook hook : kTcHooks) {
        // KERNEL: net/sched/sch_ingress.c:ingress_tcf_block gives its one list for any parent.
        if (hook == Hook::TcEgress && qdisc.kind != "clsact") continue;
        const auto all = netlink.dump(
            {.type = RTM_GETTFILTER, .head = head_for(qdisc.interface, parent_of(hook))});
        if (!all) return std::unexpected(all.error());
        for (const NetlinkMessage& message : *all) {
            if (const auto head = message.head<tcmsg>(); head)
                filters.push_back(filter_of(hook, *head, message.attributes(sizeof(tcmsg))));
        }
    }
    return filters;
}

NetlinkRequest add_clsact(IfIndex interface) {
    return about_clsact(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, interface);
}

NetlinkRequest remove_clsact(IfIndex interface) { return about_clsact(RTM_DELQDISC, 0, interface); }

std::uint32_t filter_info(std::uint32_t priority) {
    return TC_H_MAKE(priority << 16, static_cast<std::uint32_t>(htons(ETH_P_ALL)));
}

NetlinkRequest add_filter(IfIndex interface, const TcFilter& filter, int program_fd) {
    auto request = about_filter(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, interface, filter);
    NetlinkAttributes options;
    options.add(TCA_BPF_FD, static_cast<std::uint32_t>(program_fd));
    options.add(TCA_BPF_NAME, filter.name);
    options.add(TCA_BPF_FLAGS, std::uint32_t{TCA_BPF_FLAG_ACT_DIRECT});
    request.attributes.add(TCA_OPTIONS, options);
    return request;
}

NetlinkRequest remove_filter(IfIndex interface, const TcFilter& filter) {
    return about_filter(RTM_DELTFILTER, 0, interface, filter);
}

}  // namespace weir::bpf

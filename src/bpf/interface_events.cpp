// SPDX-License-Identifier: Apache-2.0
#include "bpf/interface_events.h"

#include <sys/socket.h>

namespace weir::bpf {

Result<InterfaceEvents> InterfaceEvents::open() {
    auto netlink = Netlink::open(RTMGRP_LINK);
    if (!netlink) return pass_on(netlink);
    InterfaceEvents events(std::move(*netlink));
    // Listed after subscribing, so that nothing falls between the two.
    for (const Interface& one : interfaces()) events.names_[one.index] = one.name;
    return events;
}

std::vector<Interface> InterfaceEvents::present() const {
    std::vector<Interface> all;
    all.reserve(names_.size());
    for (const auto& [index, name] : names_) all.push_back({.index = index, .name = name});
    return all;
}

Result<std::vector<InterfaceEvent>> InterfaceEvents::read() {
    std::vector<InterfaceEvent> events;
    for (;;) {
        const auto heard = netlink_.hear();
        if (!heard) return std::unexpected(heard.error());
        if (heard->is_nothing()) break;
        has_lost_ = has_lost_ || heard->has_lost;
        // What was heard behind a gap is in the list that is made then.
        if (!has_lost_)
            for (const NetlinkMessage& message : heard->messages) apply(message, events);
    }
    if (has_lost_) {
        if (auto r = resynchronise(events); !r) return pass_on(r);
    }
    return events;
}

void InterfaceEvents::apply(const NetlinkMessage& message, std::vector<InterfaceEvent>& events) {
    const auto link = message.head<ifinfomsg>();
    // A bridge says the same things, family AF_BRIDGE, of its ports.
    if (!link || link->ifi_family != AF_UNSPEC) return;
    const IfIndex index{static_cast<std::uint32_t>(link->ifi_index)};
    if (message.header.nlmsg_type == RTM_DELLINK) remove(index, events);
    if (message.header.nlmsg_type == RTM_NEWLINK)
        set_name(index, find_text(message.attributes(sizeof(ifinfomsg)), IFLA_IFNAME), events);
}

void InterfaceEvents::set_name(IfIndex index, const std::string& name,
                               std::vector<InterfaceEvent>& events) {
    const auto known = names_.find(index);
    if (name.empty() || (known != names_.end() && known->second == name)) return;
    remove(index, events);
    names_[index] = name;
    events.push_back({.index = index, .name = name, .kind = InterfaceEvent::Kind::Appeared});
}

void InterfaceEvents::remove(IfIndex index, std::vector<InterfaceEvent>& events) {
    const auto known = names_.find(index);
    if (known == names_.end()) return;
    events.push_back(
        {.index = index, .name = known->second, .kind = InterfaceEvent::Kind::Vanished});
    names_.erase(known);
}

Result<> InterfaceEvents::resynchronise(std::vector<InterfaceEvent>& events) {
    std::map<IfIndex, std::string> now;
    for (const Interface& one : interfaces()) now[one.index] = one.name;
    // Every namespace has its loopback.
    if (now.empty()) return fail(Errc::Io, "the interfaces cannot be listed");
    // The gone ones first: their names may be those of new ones.
    for (const Interface& one : present()) {
        const auto found = now.find(one.index);
        if (found == now.end() || found->second != one.name) remove(one.index, events);
    }
    for (const auto& [index, name] : now) set_name(index, name, events);
    has_lost_ = false;
    return {};
}

}  // namespace weir::bpf

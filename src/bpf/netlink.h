// SPDX-License-Identifier: Apache-2.0
#pragma once
// rtnetlink, as little of it as src/bpf needs: changes and dumps of traffic control, and the
// messages that say what happens to interfaces.
//
//     auto netlink = Netlink::open();
//     auto answers = netlink->dump({.type = RTM_GETQDISC});
//     for (const auto& one : *answers) use(find_attribute(one.attributes(sizeof(tcmsg)),
//     TCA_KIND));
//
// Ownership: a Netlink owns its socket, which stays in the network namespace that its opener was
// in; spans borrow. Thread rule: one thread. Source: include/uapi/linux/netlink.h.
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/fd.h"
#include "weir/result.h"

namespace weir::bpf {

/// Attributes of a message to be sent, or those inside one of them.
class NetlinkAttributes {
public:
    void add(std::uint16_t type, std::string_view text);
    void add(std::uint16_t type, std::uint32_t number);
    void add(std::uint16_t type, const NetlinkAttributes& nested);
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

private:
    void add_bytes(std::uint16_t type, std::span<const std::byte> bytes);
    std::vector<std::byte> bytes_;
};

/// A request about traffic control.
struct NetlinkRequest {
    std::uint16_t type = 0;
    std::uint16_t flags = 0;  // beside those of a request and a dump
    tcmsg head = {};
    NetlinkAttributes attributes = {};
};

/// A message that came.
struct NetlinkMessage {
    nlmsghdr header = {};
    std::vector<std::byte> body = {};  // behind the header

    /// The struct that the body begins with; nothing where it is too short.
    template <class Head>
    [[nodiscard]] std::optional<Head> head() const {
        if (body.size() < sizeof(Head)) return std::nullopt;
        Head head{};
        std::memcpy(&head, body.data(), sizeof head);
        return head;
    }
    /// What follows a head of so many bytes.
    [[nodiscard]] std::span<const std::byte> attributes(std::size_t head_bytes) const;
};

/// Nothing where there is none, or where the attributes are cut before it.
[[nodiscard]] std::optional<std::span<const std::byte>> find_attribute(
    std::span<const std::byte> attributes, std::uint16_t type);
/// Up to its zero; empty where there is no such attribute.
[[nodiscard]] std::string find_text(std::span<const std::byte> attributes, std::uint16_t type);
/// 0 where there is no such attribute.
[[nodiscard]] std::uint32_t find_number(std::span<const std::byte> attributes, std::uint16_t type);

class Netlink {
public:
    /// What the kernel said to one request.
    struct Answer {
        int error = 0;           // a positive errno; 0: done
        std::string words = {};  // the kernel's own, if any
    };

    /// `groups`: what the socket hears of by itself (RTMGRP_LINK). Errors: as errno says.
    [[nodiscard]] static Result<Netlink> open(std::uint32_t groups = 0);

    /// Borrowed.
    [[nodiscard]] int fd() const { return socket_.get(); }

    /// Sends the requests by one system call, so that a process that is killed has made all of the
    /// changes or none. One answer each, in their order; a refused one does not stop the next.
    [[nodiscard]] Result<std::vector<Answer>> change(std::span<const NetlinkRequest> requests);

    /// Everything of a kind, consistent. Errors: as errno says.
    [[nodiscard]] Result<std::vector<NetlinkMessage>> dump(const NetlinkRequest& request);

    /// What came by itself; never waits. Empty: nothing. Errors: as errno says; that messages were
    /// lost (ENOBUFS) is `has_lost`.
    struct Heard {
        std::vector<NetlinkMessage> messages = {};
        bool has_lost = false;
        [[nodiscard]] bool is_nothing() const { return messages.empty() && !has_lost; }
    };
    [[nodiscard]] Result<Heard> hear();

private:
    explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}
    [[nodiscard]] Result<> send(std::span<const NetlinkRequest> requests, std::uint16_t flags);
    [[nodiscard]] Result<std::vector<NetlinkMessage>> receive();
    [[nodiscard]] Result<std::optional<std::vector<NetlinkMessage>>> dump_once(
        const NetlinkRequest& request);

    UniqueFd socket_;
    std::uint32_t last_sequence_ = 0;
};

}  // namespace weir::bpf

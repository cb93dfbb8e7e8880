// SPDX-License-Identifier: Apache-2.0
#include "bpf/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "util/errno.h"

namespace weir::bpf {
namespace {

// KERNEL: net/netlink/af_netlink.c:netlink_dump fills at most 32 KiB; what comes by itself is less.
constexpr std::size_t kBufferBytes = 32768;
constexpr int kDumps = 16;  // how often one is begun again because the list changed meanwhile

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}

void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
    to.resize(NLMSG_ALIGN(to.size()));
}

/// The messages of a datagram, up to the first that is cut.
std::vector<NetlinkMessage> split(std::span<const std::byte> datagram) {
    std::vector<NetlinkMessage> messages;
    while (datagram.size() >= sizeof(nlmsghdr)) {
        NetlinkMessage one;
        std::memcpy(&one.header, datagram.data(), sizeof one.header);
        if (one.header.nlmsg_len < sizeof one.header || one.header.nlmsg_len > datagram.size())
            break;
        const auto body = datagram.subspan(NLMSG_HDRLEN, one.header.nlmsg_len - NLMSG_HDRLEN);
        one.body.assign(body.begin(), body.end());
        messages.push_back(std::move(one));
        datagram = datagram.subspan(
            std::min<std::size_t>(datagram.size(), NLMSG_ALIGN(messages.back().header.nlmsg_len)));
    }
    return messages;
}

Netlink::Answer answer_of(const NetlinkMessage& message) {
    const auto error = message.head<nlmsgerr>();
    if (!error) return {.error = EBADMSG};
    Netlink::Answer answer{.error = -error->error};
    if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) != 0)
        answer.words = find_text(message.attributes(sizeof(nlmsgerr)), NLMSGERR_ATTR_MSG);
    return answer;
}

}  // namespace

void NetlinkAttributes::add_bytes(std::uint16_t type, std::span<const std::byte> bytes) {
    nlattr head{};
    head.nla_type = type;
    head.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + bytes.size());
    append(bytes_, bytes_of(head));
    append(bytes_, bytes);
}

void NetlinkAttributes::add(std::uint16_t type, std::string_view text) {
    const std::string with_zero(text);
    add_bytes(type, std::as_bytes(std::span(with_zero.c_str(), with_zero.size() + 1)));
}

void NetlinkAttributes::add(std::uint16_t type, std::uint32_t number) {
    add_bytes(type, bytes_of(number));
}

void NetlinkAttributes::add(std::uint16_t type, const NetlinkAttributes& nested) {
    add_bytes(type | NLA_F_NESTED, nested.bytes());
}

std::span<const std::byte> NetlinkMessage::attributes(std::size_t head_bytes) const {
    return std::span(body).subspan(std::min<std::size_t>(body.size(), NLMSG_ALIGN(head_bytes)));
}

std::optional<std::span<const std::byte>> find_attribute(std::span<const std::byte> attributes,
                                                         std::uint16_t type) {
    while (attributes.size() >= sizeof(nlattr)) {
        nlattr head{};
        std::memcpy(&head, attributes.data(), sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > attributes.size()) break;
        if ((head.nla_type & NLA_TYPE_MASK) == type)
            return attributes.subspan(NLA_HDRLEN, head.nla_len - std::size_t{NLA_HDRLEN});
        attributes =
            attributes.subspan(std::min<std::size_t>(attributes.size(), NLA_ALIGN(head.nla_len)));
    }
    return std::nullopt;
}

std::string find_text(std::span<const std::byte> attributes, std::uint16_t type) {
    const auto found = find_attribute(attributes, type);
    if (!found) return {};
    std::string text;
    for (const std::byte byte : *found) {
        if (byte == std::byte{0}) break;
        text += static_cast<char>(byte);
    }
    return text;
}

std::uint32_t find_number(std::span<const std::byte> attributes, std::uint16_t type) {
    const auto found = find_attribute(attributes, type);
    std::uint32_t number = 0;
    if (found && found->size() >= sizeof number) std::memcpy(&number, found->data(), sizeof number);
    return number;
}

Result<Netlink> Netlink::open(std::uint32_t groups) {
    const int kind = SOCK_RAW | SOCK_CLOEXEC | (groups != 0 ? SOCK_NONBLOCK : 0);
    UniqueFd fd(::socket(AF_NETLINK, kind, NETLINK_ROUTE));
    if (auto r = check_errno(fd.get(), "netlink socket"); !r) return pass_on(r);
    // The kernel's words on a refusal, without the request that they are about. Both since 4.12;
    // where they cannot be had there is the errno alone.
    const int on = 1;
    ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    // SAFETY: the socket API takes each family's address through the common head.
    const auto* head = reinterpret_cast<const sockaddr*>(&address);
    if (auto r = check_errno(::bind(fd.get(), head, sizeof address), "netlink bind"); !r)
        return pass_on(r);
    return Netlink(std::move(fd));
}

Result<> Netlink::send(std::span<const NetlinkRequest> requests, std::uint16_t flags) {
    std::vector<std::byte> datagram;
    for (const NetlinkRequest& request : requests) {
        const auto attributes = request.attributes.bytes();
        nlmsghdr header{};
        header.nlmsg_len =
            static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof(tcmsg)) + attributes.size());
        header.nlmsg_type = request.type;
        header.nlmsg_flags = NLM_F_REQUEST | flags | request.flags;
        header.nlmsg_seq = ++last_sequence_;
        append(datagram, bytes_of(header));
        append(datagram, bytes_of(request.head));
        append(datagram, attributes);
    }
    const ssize_t sent = ::send(socket_.get(), datagram.data(), datagram.size(), 0);
    return check_errno(sent, "netlink send");
}

Result<std::vector<NetlinkMessage>> Netlink::receive() {
    std::vector<std::byte> datagram(kBufferBytes);
    for (;;) {
        const ssize_t n = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (auto r = check_errno(n, "netlink receive"); !r) return pass_on(r);
        return split(std::span(datagram).first(static_cast<std::size_t>(n)));
    }
}

Result<std::vector<Netlink::Answer>> Netlink::change(std::span<const NetlinkRequest> requests) {
    const std::uint32_t first = last_sequence_ + 1;
    if (auto r = send(requests, NLM_F_ACK); !r) return pass_on(r);
    std::vector<Answer> answers;
    while (answers.size() < requests.size()) {
        auto messages = receive();
        if (!messages) return pass_on(messages);
        for (const NetlinkMessage& message : *messages)
            if (message.header.nlmsg_type == NLMSG_ERROR && message.header.nlmsg_seq >= first)
                answers.push_back(answer_of(message));
    }
    return answers;
}

Result<std::optional<std::vector<NetlinkMessage>>> Netlink::dump_once(
    const NetlinkRequest& request) {
    if (auto r = send({&request, 1}, NLM_F_DUMP); !r) return pass_on(r);
    std::vector<NetlinkMessage> all;
    bool is_consistent = true;
    for (;;) {
        auto messages = receive();
        if (!messages) return pass_on(messages);
        for (NetlinkMessage& message : *messages) {
            if (message.header.nlmsg_seq != last_sequence_) continue;
            if ((message.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) is_consistent = false;
            if (message.header.nlmsg_type == NLMSG_DONE)
                return is_consistent ? std::optional(std::move(all)) : std::nullopt;
            if (message.header.nlmsg_type == NLMSG_ERROR) {
                if (auto r = check(-answer_of(message).error, "netlink dump"); !r)
                    return pass_on(r);
            }
            all.push_back(std::move(message));
        }
    }
}

Result<std::vector<NetlinkMessage>> Netlink::dump(const NetlinkRequest& request) {
    for (int i = 0; i < kDumps; ++i) {
        auto dumped = dump_once(request);
        if (!dumped) return pass_on(dumped);
        std::optional<std::vector<NetlinkMessage>>& all = *dumped;
        if (all) return std::move(*all);
    }
    return fail(Errc::Io, "netlink dump: the list changes faster than it can be read");
}

Result<Netlink::Heard> Netlink::hear() {
    Heard heard;
    std::vector<std::byte> datagram(kBufferBytes);
    for (;;) {
        const ssize_t n = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
        if (n >= 0) {
            heard.messages = split(std::span(datagram).first(static_cast<std::size_t>(n)));
            return heard;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return heard;
        heard.has_lost = errno == ENOBUFS;
        if (heard.has_lost) return heard;
        if (auto r = check_errno(n, "netlink receive"); !r) return pass_on(r);
    }
}

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#include "capture/link_type.h"

#include <net/ethernet.h>
#include <pcap/dlt.h>

#include <algorithm>
#include <array>

namespace weir::capture {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMacBytes = 6;
constexpr std::uint16_t kUnknown = 0;
constexpr std::uint16_t kPppEthertype = 0x880b;  // IEEE: PPP; linux/if_ether.h has only PPPoE's

struct LinkHeader {
    std::size_t bytes = 0;  // of the link header
    std::uint16_t ethertype = kUnknown;
    Bytes source = {};  // the sender's address, where the link layer tells it
};

std::uint16_t u16_at(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                      std::to_integer<unsigned>(bytes[at + 1]));
}

std::uint16_t ethertype_by_version(Bytes packet) {
    const unsigned version = packet.empty() ? 0 : std::to_integer<unsigned>(packet[0]) >> 4;
    if (version == 4) return ETHERTYPE_IP;
    return version == 6 ? ETHERTYPE_IPV6 : kUnknown;
}

/// The family is in the byte order of the machine that captured, and IPv6 has another number on
/// each system; the version nibble is the same everywhere.
std::optional<LinkHeader> parse_loopback(Bytes packet) {
    constexpr std::size_t kBytes = 4;
    if (packet.size() < kBytes) return std::nullopt;
    return LinkHeader{.bytes = kBytes, .ethertype = ethertype_by_version(packet.subspan(kBytes))};
}

/// Source: pcap-linktype(7), LINKTYPE_LINUX_SLL: type, address type, address length, 8 bytes of
/// address, protocol.
std::optional<LinkHeader> parse_sll(Bytes packet) {
    constexpr std::size_t kBytes = 16;
    if (packet.size() < kBytes) return std::nullopt;
    LinkHeader header{.bytes = kBytes, .ethertype = u16_at(packet, 14)};
    if (u16_at(packet, 4) == kMacBytes) header.source = packet.subspan(6, kMacBytes);
    return header;
}

/// Source: LINKTYPE_LINUX_SLL2: protocol, 2 reserved, interface, address type, packet type, address
/// length, 8 bytes of address.
std::optional<LinkHeader> parse_sll2(Bytes packet) {
    constexpr std::size_t kBytes = 20;
    if (packet.size() < kBytes) return std::nullopt;
    LinkHeader header{.bytes = kBytes, .ethertype = u16_at(packet, 0)};
    if (std::to_integer<std::size_t>(packet[11]) == kMacBytes)
        header.source = packet.subspan(12, kMacBytes);
    return header;
}

/// Source: RFC 1661 and 1662. What is not IP keeps its PPP protocol number, as in PPP's ethertype.
std::optional<LinkHeader> parse_ppp(Bytes packet) {
    constexpr std::uint16_t kAddressAndControl = 0xff03;
    constexpr std::uint16_t kIpv4 = 0x0021;
    constexpr std::uint16_t kIpv6 = 0x0057;
    if (packet.size() < 2) return std::nullopt;
    const std::size_t skipped = u16_at(packet, 0) == kAddressAndControl ? 2 : 0;
    if (packet.size() < skipped + 2) return std::nullopt;
    switch (u16_at(packet, skipped)) {
        case kIpv4: return LinkHeader{.bytes = skipped + 2, .ethertype = ETHERTYPE_IP};
        case kIpv6: return LinkHeader{.bytes = skipped + 2, .ethertype = ETHERTYPE_IPV6};
        default: return LinkHeader{.bytes = skipped, .ethertype = kPppEthertype};
    }
}

std::optional<LinkHeader> parse(LinkType type, Bytes packet) {
    switch (type) {
        case LinkType::Ethernet: return std::nullopt;
        case LinkType::Ip: return LinkHeader{.ethertype = ethertype_by_version(packet)};
        case LinkType::Loopback: return parse_loopback(packet);
        case LinkType::Sll: return parse_sll(packet);
        case LinkType::Sll2: return parse_sll2(packet);
        case LinkType::Ppp: return parse_ppp(packet);
    }
    return std::nullopt;
}

}  // namespace

std::optional<LinkType> link_type_of(int dlt) {
    switch (dlt) {
        case DLT_EN10MB: return LinkType::Ethernet;
        case DLT_RAW:
        case DLT_IPV4:
        case DLT_IPV6: return LinkType::Ip;
        case DLT_NULL:
        case DLT_LOOP: return LinkType::Loopback;
        case DLT_LINUX_SLL: return LinkType::Sll;
        case DLT_LINUX_SLL2: return LinkType::Sll2;
        case DLT_PPP:
        case DLT_PPP_SERIAL: return LinkType::Ppp;
        default: return std::nullopt;
    }
}

std::size_t make_ethernet(LinkType type, Bytes captured, std::vector<std::byte>& frame) {
    frame.clear();
    const auto header = parse(type, captured);
    if (!header) return 0;
    const Bytes payload = captured.subspan(header->bytes);
    frame.resize(kEthernetHeaderBytes + payload.size());
    std::ranges::fill_n(frame.begin(), kEthernetHeaderBytes, std::byte{0});
    std::ranges::copy(header->source, frame.begin() + kMacBytes);
    frame[12] = static_cast<std::byte>(header->ethertype >> 8);
    frame[13] = static_cast<std::byte>(header->ethertype & 0xff);
    std::ranges::copy(payload, frame.begin() + kEthernetHeaderBytes);
    return header->bytes;
}

}  // namespace weir::capture

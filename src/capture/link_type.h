// SPDX-License-Identifier: Apache-2.0
#pragma once
// Link layers that are not Ethernet, made Ethernet. Pure functions of bytes; no libpcap in sight.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::capture {

enum class LinkType {
    Ethernet,
    Ip,        // IPv4 or IPv6, by the version nibble
    Loopback,  // BSD: four bytes of address family
    Sll,       // Linux "any" device: a header of 16 bytes
    Sll2,      // of 20 bytes
    Ppp,       // with or without the HDLC bytes ff 03
};

/// By libpcap's number (DLT_*); none: weir cannot make Ethernet of it.
[[nodiscard]] std::optional<LinkType> link_type_of(int dlt);

/// Puts the Ethernet frame that `captured` would have been into `frame`. Addresses that the link
/// layer does not tell are zero, and so is the ethertype of a payload that it does not name.
/// Returns how many bytes of link header were taken off; a packet too short for its link header
/// becomes an empty frame. Precondition: not Ethernet.
std::size_t make_ethernet(LinkType type, std::span<const std::byte> captured,
                          std::vector<std::byte>& frame);

constexpr std::size_t kEthernetHeaderBytes = 14;

}  // namespace weir::capture

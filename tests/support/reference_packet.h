// SPDX-License-Identifier: Apache-2.0
#pragma once
// A frame as the RFCs describe it, read in plain C++ without bpf/weir/parse.h: what a probe says of
// the same bytes is compared with it.
//
//     auto packet = test::read_reference(frame, test::Link::Ethernet);
//
// Pure functions.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::test {

enum class Link { Ethernet, RawIp };

struct ReferencePacket {
    bool is_ipv6 = false;
    std::array<std::uint8_t, 16> source{}, destination{};  // IPv4: ::ffff:a.b.c.d
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint8_t protocol = 0;  // 44: a fragment after the first
    std::uint16_t ip_length = 0, ip_fragment = 0;
    std::uint16_t tcp_length = 0, tcp_flags = 0, tcp_window = 0, udp_length = 0;
    std::uint32_t tcp_ack = 0, tcp_sequence = 0;
    std::uint8_t icmp_type = 0;
};

/// None: no IP that a probe sees, which takes two VLAN tags, four MPLS labels and whole IP headers.
[[nodiscard]] std::optional<ReferencePacket> read_reference(std::string_view frame, Link link);

}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Frames from the inside out, every field as asked for, also where it is a lie.
//
//     Bytes frame = test::eth(test::kIpv4, test::ipv4({.protocol = 6}, test::tcp({.flags = 2})));
//
// Pure functions.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/capture_file.h"

namespace weir::test {

constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kIpv6 = 0x86dd,
                        kQinq = 0x88a8, kMpls = 0x8847, kMplsMulticast = 0x8848;

[[nodiscard]] Bytes big16(unsigned value);
[[nodiscard]] Bytes big32(std::uint32_t value);

[[nodiscard]] Bytes eth(std::uint16_t ethertype, const Bytes& payload);
/// A tag, to stand as the payload of what announces it.
[[nodiscard]] Bytes vlan(std::uint16_t ethertype, const Bytes& payload);
/// A stack of so many labels.
[[nodiscard]] Bytes mpls(unsigned labels, const Bytes& payload);

struct Ipv4Fields {
    std::string source = "10.0.0.1", destination = "10.0.0.2";
    std::uint8_t protocol = 17;
    std::uint16_t fragment = 0;  // flags and offset
    Bytes options = {};          // whole words
    std::optional<std::uint16_t> total_length = {};
};
[[nodiscard]] Bytes ipv4(const Ipv4Fields& fields, const Bytes& payload);

struct Ipv6Fields {
    std::string source = "2001:db8::1", destination = "2001:db8::2";
    std::uint8_t next = 17;
    std::optional<std::uint16_t> payload_length = {};
};
[[nodiscard]] Bytes ipv6(const Ipv6Fields& fields, const Bytes& payload);
/// Hop-by-hop options, routing, destination options: `words` units of 8 bytes behind the first.
[[nodiscard]] Bytes extension(std::uint8_t next, std::uint8_t words, const Bytes& payload);
/// `offset` in bytes.
[[nodiscard]] Bytes fragment_header(std::uint8_t next, std::uint16_t offset, bool has_more,
                                    const Bytes& payload);
/// `words` units of 4 bytes in all.
[[nodiscard]] Bytes authentication(std::uint8_t next, std::uint8_t words, const Bytes& payload);

struct TcpFields {
    std::uint16_t source = 40000, destination = 80;
    std::uint16_t flags = 0;  // 12 bits
    std::uint32_t sequence = 1, ack = 0;
    std::uint16_t window = 0;
    Bytes options = {};  // whole words
};
[[nodiscard]] Bytes tcp(const TcpFields& fields, const Bytes& payload = {});

struct UdpFields {
    std::uint16_t source = 40000, destination = 53;
    std::optional<std::uint16_t> length = {};
};
[[nodiscard]] Bytes udp(const UdpFields& fields, const Bytes& payload = {});
[[nodiscard]] Bytes icmp(std::uint8_t type, const Bytes& payload = {});

}  // namespace weir::test

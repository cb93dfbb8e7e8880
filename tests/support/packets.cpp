// SPDX-License-Identifier: Apache-2.0
#include "support/packets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>

namespace weir::test {
namespace {

Bytes byte(unsigned value) { return {static_cast<char>(value)}; }

Bytes address(int family, const std::string& text) {
    std::array<char, 16> bytes{};
    EXPECT_EQ(::inet_pton(family, text.c_str(), bytes.data()), 1) << text;
    return {bytes.data(), family == AF_INET ? 4U : 16U};
}

}  // namespace

Bytes big16(unsigned value) { return u16(static_cast<std::uint16_t>(value), Order::Big); }
Bytes big32(std::uint32_t value) { return u32(value, Order::Big); }

Bytes eth(std::uint16_t ethertype, const Bytes& payload) {
    return Bytes("\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12) + big16(ethertype) + payload;
}

Bytes vlan(std::uint16_t ethertype, const Bytes& payload) {
    return big16(0x2007) + big16(ethertype) + payload;
}

Bytes mpls(unsigned labels, const Bytes& payload) {
    Bytes out;
    for (unsigned i = 1; i <= labels; ++i)
        out += big32((1000 + i) << 12 | (i == labels ? 0x100 : 0) | 64);
    return out + payload;
}

Bytes ipv4(const Ipv4Fields& f, const Bytes& payload) {
    const std::size_t header = 20 + f.options.size();
    const std::size_t total = f.total_length.value_or(header + payload.size());
    return byte(0x40 | static_cast<unsigned>(header / 4)) + byte(0) +
           big16(static_cast<unsigned>(total)) + big16(7) + big16(f.fragment) + byte(64) +
           byte(f.protocol) + big16(0) + address(AF_INET, f.source) +
           address(AF_INET, f.destination) + f.options + payload;
}

Bytes ipv6(const Ipv6Fields& f, const Bytes& payload) {
    return big32(0x60000000) +
           big16(static_cast<unsigned>(f.payload_length.value_or(payload.size()))) + byte(f.next) +
           byte(64) + address(AF_INET6, f.source) + address(AF_INET6, f.destination) + payload;
}

Bytes extension(std::uint8_t next, std::uint8_t words, const Bytes& payload) {
    return byte(next) + byte(words) + Bytes(6 + 8U * words, '\0') + payload;
}

Bytes fragment_header(std::uint8_t next, std::uint16_t offset, bool has_more,
                      const Bytes& payload) {
    return byte(next) + byte(0) + big16(offset | (has_more ? 1U : 0U)) + big32(99) + payload;
}

Bytes authentication(std::uint8_t next, std::uint8_t words, const Bytes& payload) {
    return byte(next) + byte(words - 2U) + Bytes(4U * words - 2, '\0') + payload;
}

Bytes tcp(const TcpFields& f, const Bytes& payload) {
    const unsigned words = 5 + static_cast<unsigned>(f.options.size() / 4);
    return big16(f.source) + big16(f.destination) + big32(f.sequence) + big32(f.ack) +
           big16(words << 12 | f.flags) + big16(f.window) + big32(0) + f.options + payload;
}

Bytes udp(const UdpFields& f, const Bytes& payload) {
    return big16(f.source) + big16(f.destination) +
           big16(static_cast<unsigned>(f.length.value_or(8 + payload.size()))) + big16(0) + payload;
}

Bytes icmp(std::uint8_t type, const Bytes& payload) {
    return byte(type) + byte(0) + Bytes(6, '\0') + payload;
}

}  // namespace weir::test

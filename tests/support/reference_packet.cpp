// SPDX-License-Identifier: Apache-2.0
#include "support/reference_packet.h"

#include <algorithm>

namespace weir::test {
namespace {

/// A frame whose bytes are read one by one; reading past its end is asked for before, never done.
class Octets {
public:
    explicit Octets(std::string_view bytes) : bytes_(bytes) {}
    [[nodiscard]] bool has(std::size_t at, std::size_t count) const {
        return at + count <= bytes_.size();
    }
    [[nodiscard]] unsigned u8(std::size_t at) const {
        return static_cast<unsigned char>(bytes_.at(at));
    }
    [[nodiscard]] unsigned u16(std::size_t at) const { return u8(at) << 8 | u8(at + 1); }
    [[nodiscard]] std::uint32_t u32(std::size_t at) const { return u16(at) << 16 | u16(at + 2); }

private:
    std::string_view bytes_;
};

/// Where IP begins.
struct IpStart {
    std::size_t at = 0;
    unsigned version = 0;
};

std::optional<IpStart> by_version(const Octets& o, std::size_t at) {
    if (!o.has(at, 1)) return std::nullopt;
    return IpStart{at, o.u8(at) >> 4};
}

/// RFC 3032 section 2.1: label 20 bits, class 3, bottom of stack 1, TTL 8.
std::optional<IpStart> behind_labels(const Octets& o, std::size_t at) {
    for (int label = 0; label < 4; ++label, at += 4) {
        if (!o.has(at, 4)) return std::nullopt;
        const bool is_bottom = (o.u32(at) >> 8 & 1) != 0;
        if (is_bottom) return by_version(o, at + 4);
    }
    return std::nullopt;
}

/// IEEE Std 802.3 and 802.1Q.
std::optional<IpStart> behind_ethernet(const Octets& o) {
    if (!o.has(0, 14)) return std::nullopt;
    std::size_t at = 14;
    unsigned type = o.u16(12);
    for (int tag = 0; tag < 2 && (type == 0x8100 || type == 0x88a8); ++tag, at += 4) {
        if (!o.has(at, 4)) return std::nullopt;
        type = o.u16(at + 2);
    }
    if (type == 0x8847 || type == 0x8848) return behind_labels(o, at);
    if (type != 0x0800 && type != 0x86dd) return std::nullopt;
    auto start = by_version(o, at);
    const unsigned announced = type == 0x0800 ? 4 : 6;
    return start && start->version == announced ? start : std::nullopt;
}

/// What IP leaves for the transport: where it begins, and how much IP says there is.
struct Payload {
    std::size_t at = 0;
    int bytes = 0;
    unsigned protocol = 0;
    bool is_there = true;  // its header is next
};

/// RFC 9293 section 3.1.
void read_tcp(const Octets& o, const Payload& from, ReferencePacket& out) {
    if (!o.has(from.at, 20)) return;
    const unsigned header = (o.u8(from.at + 12) >> 4) * 4;
    if (header < 20 || !o.has(from.at, header)) return;
    out.source_port = static_cast<std::uint16_t>(o.u16(from.at));
    out.destination_port = static_cast<std::uint16_t>(o.u16(from.at + 2));
    out.tcp_sequence = o.u32(from.at + 4);
    out.tcp_ack = o.u32(from.at + 8);
    out.tcp_flags = static_cast<std::uint16_t>(o.u16(from.at + 12) & 0xfff);
    out.tcp_window = static_cast<std::uint16_t>(o.u16(from.at + 14));
    out.tcp_length = static_cast<std::uint16_t>(std::max(0, from.bytes - static_cast<int>(header)));
}

void read_transport(const Octets& o, const Payload& from, ReferencePacket& out) {
    out.protocol = static_cast<std::uint8_t>(from.protocol);
    if (!from.is_there) return;
    if (from.protocol == 6) return read_tcp(o, from, out);
    if (!o.has(from.at, 8)) return;
    if (from.protocol == 17) {  // RFC 768
        out.source_port = static_cast<std::uint16_t>(o.u16(from.at));
        out.destination_port = static_cast<std::uint16_t>(o.u16(from.at + 2));
        out.udp_length = static_cast<std::uint16_t>(o.u16(from.at + 4));
    } else if (from.protocol == 1 || from.protocol == 58) {  // RFC 792, RFC 4443
        out.icmp_type = static_cast<std::uint8_t>(o.u8(from.at));
    }
}

/// RFC 791 section 3.1.
std::optional<ReferencePacket> read_ipv4(const Octets& o, std::size_t at) {
    if (!o.has(at, 20)) return std::nullopt;
    const unsigned header = (o.u8(at) & 15) * 4;
    if (header < 20 || !o.has(at, header)) return std::nullopt;
    ReferencePacket out;
    out.ip_length = static_cast<std::uint16_t>(o.u16(at + 2));
    out.ip_fragment = static_cast<std::uint16_t>(o.u16(at + 6));
    for (auto* address : {&out.source, &out.destination}) {
        (*address)[10] = (*address)[11] = 0xff;
        for (std::size_t i = 0; i < 4; ++i)
            (*address)[12 + i] =
                static_cast<std::uint8_t>(o.u8(at + (address == &out.source ? 12 : 16) + i));
    }
    const bool is_later = out.ip_fragment % 0x2000 != 0;
    read_transport(o,
                   {.at = at + header,
                    .bytes = out.ip_length - static_cast<int>(header),
                    .protocol = is_later ? 44 : o.u8(at + 9),
                    .is_there = !is_later},
                   out);
    return out;
}

/// RFC 8200 section 4; RFC 4302 (51), RFC 6275 (135). A probe takes six of them; behind the seventh
/// it looks no further.
Payload behind_extensions(const Octets& o, Payload from) {
    for (int passed = 0; passed <= 6; ++passed) {
        switch (from.protocol) {
            case 0:
            case 43:
            case 44:
            case 51:
            case 60:
            case 135: break;
            case 59: from.is_there = false; return from;
            default: return from;
        }
        from.is_there = false;
        if (!o.has(from.at, 8)) return from;
        const bool is_fragment = from.protocol == 44;
        const unsigned length = o.u8(from.at + 1);
        const unsigned header = is_fragment           ? 8
                                : from.protocol == 51 ? (length + 2) * 4
                                                      : (length + 1) * 8;
        if (!o.has(from.at, header)) return from;
        if (is_fragment && o.u16(from.at + 2) / 8 != 0) return from;  // 44 stays its protocol
        from.protocol = o.u8(from.at);
        from.at += header;
        from.bytes -= static_cast<int>(header);
        from.is_there = passed < 6;
    }
    return from;
}

std::optional<ReferencePacket> read_ipv6(const Octets& o, std::size_t at) {
    if (!o.has(at, 40)) return std::nullopt;
    ReferencePacket out{.is_ipv6 = true};
    const unsigned length = o.u16(at + 4);
    out.ip_length = static_cast<std::uint16_t>(length + 40);
    for (std::size_t i = 0; i < 16; ++i) {
        out.source[i] = static_cast<std::uint8_t>(o.u8(at + 8 + i));
        out.destination[i] = static_cast<std::uint8_t>(o.u8(at + 24 + i));
    }
    read_transport(
        o,
        behind_extensions(
            o, {.at = at + 40, .bytes = static_cast<int>(length), .protocol = o.u8(at + 6)}),
        out);
    return out;
}

}  // namespace

std::optional<ReferencePacket> read_reference(std::string_view frame, Link link) {
    const Octets o(frame);
    const auto start = link == Link::Ethernet ? behind_ethernet(o) : by_version(o, 0);
    if (!start) return std::nullopt;
    if (start->version == 4) return read_ipv4(o, start->at);
    return start->version == 6 ? read_ipv6(o, start->at) : std::nullopt;
}

}  // namespace weir::test

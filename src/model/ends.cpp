// SPDX-License-Identifier: Apache-2.0
#include "model/ends.h"

#include <arpa/inet.h>
#include <fmt/compile.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace weir::model {
namespace {

constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kIpv4Offset = 12;  // of the IPv4 address in a mapped one

const Member* find(const Type& type, std::string_view name) {
    const auto it = std::ranges::find(type.members, name, &Member::name);
    return it != type.members.end() && it->bit_size == 0 ? &*it : nullptr;
}

std::uint16_t load_port(const std::byte* at) {
    std::uint16_t port = 0;
    std::memcpy(&port, at, sizeof(port));  // SAFETY: the member has two bytes
    return ntohs(port);
}

Address load_address(const std::byte* at, std::size_t bytes) {
    Address address = {};
    if (bytes == address.size()) {
        std::memcpy(address.data(), at, bytes);  // SAFETY: the member has so many bytes
        return address;
    }
    address[10] = address[11] = std::byte{0xff};
    std::memcpy(address.data() + kIpv4Offset, at, kIpv4Bytes);  // SAFETY: it has four bytes then
    return address;
}

}  // namespace

Ends::Ends(const FlowLayout& layout, const Type& row) : layout_(layout) {
    const Type& key = *layout.key->type;
    const std::size_t key_offset = layout.key->bit_offset / 8;
    const auto place = [&](std::string_view name, std::size_t bytes) -> std::optional<std::size_t> {
        const Member* member = find(key, name);
        if (member == nullptr || member->type->size_bytes != bytes) return std::nullopt;
        return key_offset + member->bit_offset / 8;
    };
    for (const std::size_t bytes : {sizeof(Address), kIpv4Bytes}) {
        source_ = place("source", bytes);
        destination_ = place("destination", bytes);
        address_bytes_ = bytes;
        if (source_ && destination_) break;
        source_ = destination_ = std::nullopt;
    }
    source_port_ = place("source_port", sizeof(std::uint16_t));
    destination_port_ = place("destination_port", sizeof(std::uint16_t));
    protocol_ = place("protocol", 1);
    const Member* backward = find(row, "backward_bytes");
    if (backward != nullptr && backward->type->size_bytes == sizeof(std::uint64_t))
        backward_bytes_ = backward->bit_offset / 8;
    find_answers();
    const Member* server = find(row, "server");
    if (server == nullptr || server->type->size_bytes != sizeof(server_is_source_)) return;
    for (const Enumerator& e : server->type->enumerators)
        if (e.name == "WEIR_SERVER_SOURCE") {
            server_ = server->bit_offset / 8;
            server_is_source_ = static_cast<std::uint32_t>(e.value);
        }
}

void Ends::find_answers() {
    if (layout_.packet == nullptr || layout_.packets_per_flow < 2) return;
    const std::size_t second = layout_.packet_offset + layout_.packet_bytes;
    const Member* flags = find(*layout_.packet, "tcp_flags");
    const Member* direction = find(*layout_.packet, "is_backward");
    if (flags == nullptr || flags->type->size_bytes != sizeof(std::uint16_t) ||
        flags->type->form == Form::BigEndian || direction == nullptr ||
        direction->type->size_bytes != 1)
        return;
    first_flags_ = layout_.packet_offset + flags->bit_offset / 8;
    second_flags_ = second + flags->bit_offset / 8;
    second_direction_ = second + direction->bit_offset / 8;
}

/// Whether the other end sent something; true where the row does not say.
bool Ends::is_answered(const std::byte* row) const {
    if (!backward_bytes_) return true;
    std::uint64_t backward = 0;
    std::memcpy(&backward, row + *backward_bytes_, sizeof(backward));  // SAFETY: it has eight bytes
    return backward != 0;
}

bool Ends::has_reset(const std::byte* row, std::size_t flags) const {
    constexpr unsigned kReset = 4;
    std::uint16_t value = 0;
    std::memcpy(&value, row + flags, sizeof(value));  // SAFETY: the member has two bytes
    return (value & kReset) != 0;
}

/// Whether the end that sent first only answers: its window begins in the middle of a flow.
bool Ends::answers_first(const std::byte* row) const {
    if (!is_answered(row)) return false;
    const bool has_first = first_flags_ && layout_.recorded(row) > 0;
    if (has_first && has_reset(row, *first_flags_)) return true;
    std::uint32_t server = 0;
    std::memcpy(&server, row + server_.value_or(0), sizeof(server));  // SAFETY: it has four bytes
    if (!server_ || server != server_is_source_) return false;
    const bool is_refused = second_flags_ && second_direction_ && layout_.recorded(row) > 1 &&
                            row[*second_direction_] != std::byte{0} &&
                            has_reset(row, *second_flags_);
    return !is_refused;  // a server that is told so had not been asked
}

FlowEnds Ends::of(const std::byte* row) const {
    FlowEnds ends{.packets = layout_.packets(row)};
    if (source_ && destination_) {
        ends.source = load_address(row + *source_, address_bytes_);
        ends.destination = load_address(row + *destination_, address_bytes_);
    }
    if (source_port_) ends.source_port = load_port(row + *source_port_);
    if (destination_port_) ends.destination_port = load_port(row + *destination_port_);
    if (protocol_) ends.protocol = std::to_integer<std::uint8_t>(row[*protocol_]);
    if (ends.protocol == IPPROTO_TCP && answers_first(row)) {
        std::swap(ends.source, ends.destination);
        std::swap(ends.source_port, ends.destination_port);
        ends.is_swapped = true;
    }
    return ends;
}

std::string address_text(const Address& address) {
    in6_addr in6 = {};
    std::memcpy(&in6, address.data(), address.size());
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {  // an attack has many: inet_ntop() takes five times as long
        const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(address[i]); };
        return fmt::format(FMT_COMPILE("{}.{}.{}.{}"), byte(kIpv4Offset), byte(kIpv4Offset + 1),
                           byte(kIpv4Offset + 2), byte(kIpv4Offset + 3));
    }
    std::array<char, INET6_ADDRSTRLEN> text = {};
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
    return text.data();
}

std::string protocol_text(std::uint8_t protocol) {
    switch (protocol) {
        case IPPROTO_ICMP: return "ICMP";
        case IPPROTO_TCP: return "TCP";
        case IPPROTO_UDP: return "UDP";
        case IPPROTO_GRE: return "GRE";
        case IPPROTO_ESP: return "ESP";
        case IPPROTO_ICMPV6: return "ICMPv6";
        case IPPROTO_SCTP: return "SCTP";
        case IPPROTO_FRAGMENT: return "fragment";
        default: return std::to_string(protocol);
    }
}

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who talks to whom in a flow, from the key of any flow tensor: its members source, destination,
// source_port, destination_port and protocol, as far as they are there.
//
//     const Ends ends(*table.flows, *table.shape->value);
//     FlowEnds flow = ends.of(table.value(i));
//
// Ownership: plain values. Thread rule: immutable.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "weir/flow_tensor.h"
#include "weir/window.h"

namespace weir::model {

/// An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
using Address = std::array<std::byte, 16>;

struct FlowEnds {
    Address source = {}, destination = {};
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint64_t packets = 0;
    bool is_swapped = false;  ///< the source is the destination of the flow's key
};

class Ends {
public:
    Ends(const FlowLayout& layout, const Type& row);

    /// False: the key has no addresses, and of() only counts.
    [[nodiscard]] bool has_addresses() const { return source_.has_value(); }
    /// The source is who attacks if it is an attack: the end that sent the first packet of the
    /// window, but for TCP not the server, whose answers may come first where a window begins, nor
    /// an end that begins with a reset and goes on being spoken to; the server is it where nobody
    /// had asked: its packets have no answer, or a reset.
    [[nodiscard]] FlowEnds of(const std::byte* row) const;

private:
    void find_answers();
    [[nodiscard]] bool is_answered(const std::byte* row) const;
    [[nodiscard]] bool has_reset(const std::byte* row, std::size_t flags) const;
    [[nodiscard]] bool answers_first(const std::byte* row) const;

    const FlowLayout& layout_;
    std::size_t address_bytes_ = 0;
    std::optional<std::size_t> source_, destination_, source_port_, destination_port_, protocol_;
    std::optional<std::size_t> server_;
    std::uint32_t server_is_source_ = 0;
    std::optional<std::size_t> backward_bytes_;
    std::optional<std::size_t> first_flags_, second_flags_, second_direction_;  // of its packets
};

/// "10.0.0.1", "2001:db8::1".
[[nodiscard]] std::string address_text(const Address& address);
/// "TCP"; a number where it has no short name.
[[nodiscard]] std::string protocol_text(std::uint8_t protocol);

}  // namespace weir::model

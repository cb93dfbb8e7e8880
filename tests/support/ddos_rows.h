// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of the ddos probe's flow tensor, laid out by hand beside their types: no BTF, no kernel.
//
//     const Rows<DdosRow> rows(std::vector<DdosRow>(3), ddos_shape());
//     use(rows.layout(), rows.table());
//
// Ownership: Rows owns all that its table borrows. Thread rule: immutable.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "support/flow_probe.h"
#include "support/flow_types.h"
#include "table/flow_tensor.h"

namespace weir::test {

constexpr std::size_t kDdosPackets = 10;

struct DdosRow {
    FlowHead head;
    std::array<DdosPacket, kDdosPackets> packet;
};

/// struct ddos_packet as BTF describes it; without the members named in `without`.
inline TypePtr ddos_packet(const std::vector<std::string>& without = {}) {
    using P = DdosPacket;
    std::vector<Member> members = {
        member("time", offsetof(P, time), integer(8), {"weir:feature ns; since the boot"}),
        member("tcp_ack", offsetof(P, tcp_ack), integer(4)),
        member("tcp_sequence", offsetof(P, tcp_sequence), integer(4)),
        member("ip_length", offsetof(P, ip_length), integer(2)),
        member("ip_fragment", offsetof(P, ip_fragment), integer(2)),
        member("tcp_length", offsetof(P, tcp_length), integer(2)),
        member("tcp_flags", offsetof(P, tcp_flags), integer(2)),
        member("tcp_window", offsetof(P, tcp_window), integer(2)),
        member("udp_length", offsetof(P, udp_length), integer(2)),
        member("icmp_type", offsetof(P, icmp_type), integer(1)),
        member("application", offsetof(P, application), integer(1)),
        member("is_backward", offsetof(P, is_backward), integer(1))};
    std::erase_if(members, [&](const Member& m) {
        return std::ranges::find(without, m.name) != without.end();
    });
    return structure("ddos_packet", sizeof(P), std::move(members));
}

inline TypePtr ddos_key() {
    using K = FlowKey;
    const auto address = make({.kind = Type::Kind::Struct,
                               .form = Form::Address,
                               .name = "weir_address",
                               .size_bytes = 16});
    return structure(
        "weir_flow_key", sizeof(K),
        {member("source", offsetof(K, source), address),
         member("destination", offsetof(K, destination), address),
         member("source_port", offsetof(K, source_port), integer(2, false, Form::BigEndian)),
         member("destination_port", offsetof(K, destination_port),
                integer(2, false, Form::BigEndian)),
         member("protocol", offsetof(K, protocol), integer(1))});
}

/// enum weir_server (bpf/weir/flow_key.h).
inline TypePtr server_type() {
    return make({.kind = Type::Kind::Enum,
                 .name = "weir_server",
                 .size_bytes = 4,
                 .enumerators = {{"WEIR_SERVER_UNKNOWN", 0},
                                 {"WEIR_SERVER_SOURCE", 1},
                                 {"WEIR_SERVER_DESTINATION", 2}}});
}

inline bpf::MapShape ddos_shape(const std::vector<std::string>& without = {},
                                TypePtr key = ddos_key()) {
    using H = FlowHead;
    return {.name = "flows",
            .kind = bpf::MapKind::Array,
            .value_bytes = sizeof(DdosRow),
            .max_entries = 8,
            .max_flows = 8,
            .value = structure(
                "flows_flow", sizeof(DdosRow),
                {member("packets", offsetof(H, packets), integer(4)),
                 member("server", offsetof(H, server), server_type()),
                 member("forward_bytes", offsetof(H, forward_bytes), integer(8)),
                 member("backward_bytes", offsetof(H, backward_bytes), integer(8)),
                 member("key", offsetof(DdosRow, head) + offsetof(H, key), std::move(key)),
                 member("packet", offsetof(DdosRow, packet),
                        array(ddos_packet(without), kDdosPackets))})};
}

/// Rows and their layout; the table borrows both.
template <class Row>
class Rows {
public:
    Rows(std::vector<Row> rows, bpf::MapShape shape)
        : rows_(std::move(rows)), shape_(std::move(shape)), layout_(table::flow_layout(shape_)) {}
    [[nodiscard]] const FlowLayout& layout() const { return *layout_; }
    [[nodiscard]] const bpf::MapShape& shape() const { return shape_; }
    [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
    [[nodiscard]] Table table() const {
        // SAFETY: bytes may view any object.
        return {.shape = &shape_,
                .rows = rows_.size(),
                .flows = &*layout_,
                .values = reinterpret_cast<const std::byte*>(rows_.data()),
                .value_step = sizeof(Row)};
    }

private:
    std::vector<Row> rows_;
    bpf::MapShape shape_;
    std::optional<FlowLayout> layout_;
};

/// Each packet by itself: looks at all before it again.
inline double reference_ack(const DdosRow& row, std::size_t j, bool has_sequence) {
    constexpr double kTurn = 4294967296.0;
    const DdosPacket& p = row.packet[j];
    if ((p.tcp_flags & 16) == 0) return p.tcp_ack;
    for (std::size_t i = 0; i <= j; ++i) {
        const DdosPacket& q = row.packet[i];
        const bool is_other = q.is_backward != p.is_backward;
        double start = 0;
        bool is_syn = false;
        if (is_other && has_sequence) {
            is_syn = (q.tcp_flags & 2) != 0;
            start = q.tcp_sequence - (is_syn ? 0.0 : 1.0);
        } else if (!is_other && (q.tcp_flags & 16) != 0) {
            start = q.tcp_ack - 1.0;
        } else {
            continue;
        }
        const double value = std::fmod(p.tcp_ack - start + 2 * kTurn, kTurn);
        return is_syn || value < kTurn / 2 ? value : 0;
    }
    return 0;
}

}  // namespace weir::test

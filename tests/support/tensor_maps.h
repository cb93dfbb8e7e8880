// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two maps of a small flow tensor (bpf/weir/flow.h) as a probe leaves them when its window is
// over: heads that know packets and bytes, and rows that know the rest. Written by hand.
//
//     bpf::Map heads(test::heads_shape(8), fd), rows(test::tensor_shape(4), other_fd);
//     auto mapping = heads.map_values();
//     test::put(*mapping, 5, FlowHead{.tag = 6, .packets = 1, .row = 1});
//
// Pure functions.
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstdint>
#include <cstring>

#include "bpf/map.h"
#include "support/flow_types.h"
#include "table/flow_heads.h"
#include "util/fd.h"

namespace weir::test {

/// struct NAME_flow with a key of a number and two packets of one.
struct TensorRow {
    std::uint32_t packets, server;
    std::uint64_t forward_bytes, backward_bytes;
    std::uint64_t key;
    std::uint64_t packet[2];
    bool operator==(const TensorRow&) const = default;
};

inline std::vector<Member> tensor_members() {
    using R = TensorRow;
    const auto number = structure("seen", sizeof(std::uint64_t), {member("number", 0, integer(8))});
    return {member("packets", offsetof(R, packets), integer(4)),
            member("server", offsetof(R, server), integer(4)),
            member("forward_bytes", offsetof(R, forward_bytes), integer(8)),
            member("backward_bytes", offsetof(R, backward_bytes), integer(8)),
            member("key", offsetof(R, key), integer(8)),
            member("packet", offsetof(R, packet), array(number, 2))};
}

inline bpf::MapShape tensor_shape(std::uint32_t flows,
                                  std::vector<Member> members = tensor_members()) {
    return {.name = "flows",
            .kind = bpf::MapKind::Array,
            .key_bytes = 4,
            .value_bytes = sizeof(TensorRow),
            .max_entries = flows,
            .flags = BPF_F_MMAPABLE,
            .max_flows = flows,
            .key = integer(4),
            .value = structure("flows_flow", sizeof(TensorRow), std::move(members))};
}

/// `slots` heads, and behind them the one that counts rows.
inline bpf::MapShape heads_shape(std::uint32_t slots) {
    return {.name = "weir_heads_flows",
            .kind = bpf::MapKind::Array,
            .key_bytes = 4,
            .value_bytes = sizeof(table::FlowHead),
            .max_entries = slots + 1,
            .flags = BPF_F_MMAPABLE,
            .key = integer(4),
            .value = bpf::opaque_type(sizeof(table::FlowHead))};
}

template <class T>
void put(const Mapping& mapping, std::size_t index, const T& value) {
    ASSERT_LE((index + 1) * sizeof(T), mapping.bytes().size());
    std::memcpy(mapping.bytes().data() + index * sizeof(T), &value, sizeof(T));
}

inline bool is_zero(const Mapping& mapping) {
    for (const std::byte b : mapping.bytes())
        if (b != std::byte{}) return false;
    return true;
}

}  // namespace weir::test

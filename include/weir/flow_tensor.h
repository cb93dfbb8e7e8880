// SPDX-License-Identifier: Apache-2.0
#pragma once
// A flow tensor (bpf/weir/flow.h) as user space sees it: rows that are flows, and a view
// [flows, packets_per_flow, features] onto the same memory. Nothing is copied until a model wants
// its float32 input, which is one pass.
//
//     weir::FlowTensor tensor(table);                         // table.flows != nullptr
//     std::span<const weir::Feature> features = tensor.features();
//     std::vector<weir::FloatColumn> columns = {{features[0].place, 1e-10, Origin::FirstPacket}};
//     tensor.to_float32(columns, out);
//
// Ownership: borrows the table, its shape and its memory; valid as long as they are. Thread rule:
// immutable.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "weir/table.h"

namespace weir {

/// One of a packet's numbers: from the member's name and its WEIR_FEATURE tag.
struct Feature {
    std::string name;
    std::string unit;      // "ns", "bytes"...; empty: the source says none
    std::string encoding;  // what the number alone does not say; often empty
    Place place;           // in the packet
};

/// What a feature is counted from before it is scaled.
enum class Origin { Zero, FirstPacket };  // FirstPacket: the least value among the flow's packets

/// A column of a model's input: (value - origin) * scale.
struct FloatColumn {
    Place place;
    double scale = 1;
    Origin origin = Origin::Zero;
};

/// Where things lie in a row: found by the names that WEIR_FLOW_TENSOR gives.
struct FlowLayout {
    std::uint32_t packets_offset = 0;    // __u32: how many packets the flow had
    const Member* key = nullptr;         // whose flow it is
    std::uint32_t packet_offset = 0;     // the features of the first packet
    std::uint32_t packet_bytes = 0;      // from one packet to the next
    std::uint32_t packets_per_flow = 0;  // that are recorded at most
    const Type* packet = nullptr;        // a Struct; its members are the features
    std::vector<Feature> features = {};
    /// What FlowTensor::to_float32() does; a plugin need not be linked with it.
    void (*convert)(const Table&, std::span<const FloatColumn>, std::span<float>) = nullptr;
    const Type* row_type = nullptr;  // a Struct: key, counters, packets

    [[nodiscard]] std::uint32_t packets(const std::byte* row) const {
        std::uint32_t count = 0;
        std::memcpy(&count, row + packets_offset, sizeof(count));  // SAFETY: lies inside the row
        return count;
    }
    /// Packets whose features are in the row.
    [[nodiscard]] std::uint32_t recorded(const std::byte* row) const {
        return std::min(packets(row), packets_per_flow);
    }
    /// Bytes at the row's start in which there can be anything but zeros.
    [[nodiscard]] std::size_t used_bytes(const std::byte* row) const {
        return packet_offset + std::size_t{recorded(row)} * packet_bytes;
    }
};

class FlowTensor {
public:
    /// `table.flows` is not null.
    explicit FlowTensor(const Table& table) : table_(table), layout_(*table.flows) {}

    [[nodiscard]] std::size_t flows() const { return table_.rows; }
    [[nodiscard]] std::uint32_t packets_per_flow() const { return layout_.packets_per_flow; }
    [[nodiscard]] std::span<const Feature> features() const { return layout_.features; }
    [[nodiscard]] const FlowLayout& layout() const { return layout_; }

    /// Shape: key of flow i, layout.key->type bytes. i < flows().
    [[nodiscard]] const std::byte* key(std::size_t i) const {
        return table_.value(i) + layout_.key->bit_offset / 8;
    }
    [[nodiscard]] std::uint32_t packets(std::size_t i) const {
        return layout_.packets(table_.value(i));
    }
    [[nodiscard]] std::uint32_t recorded(std::size_t i) const {
        return layout_.recorded(table_.value(i));
    }
    /// Packet j of flow i; zeros where j >= recorded(i). j < packets_per_flow().
    [[nodiscard]] const std::byte* packet(std::size_t i, std::size_t j) const {
        return table_.value(i) + layout_.packet_offset + j * layout_.packet_bytes;
    }

    /// Writes [flows, packets_per_flow, columns], row-major; packets that are not there are 0.
    /// `out` holds exactly that many. Integers and floats up to 8 bytes; anything else (bitfields,
    /// arrays) is 0.
    /// Cost: one pass over the flows, 1 to 2 ns a value.
    void to_float32(std::span<const FloatColumn> columns, std::span<float> out) const {
        layout_.convert(table_, columns, out);
    }

private:
    const Table& table_;
    const FlowLayout& layout_;
};

}  // namespace weir

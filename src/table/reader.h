// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a Reader (table.h) is made of; for its own files alone: reader.cpp decides the way and opens
// it, reader_read.cpp takes the rows, reader_clear.cpp empties the map, reader_leave.cpp gives the
// memory away. Ownership: owns its memory, the mapping and the drains; the map is borrowed.
// Thread rule: as Reader.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "table/drain.h"
#include "table/fill.h"
#include "table/flow_heads.h"
#include "table/hash_drain.h"
#include "table/table.h"
#include "weir/flow_tensor.h"

namespace weir::table {

struct Reader::State {
    State(const bpf::Map& from, MapPolicy with, std::span<const std::byte> restore);

    void decide();
    [[nodiscard]] Result<> open_flows(const bpf::Map& flow_heads);
    void decide_for_queue();
    void decide_for_hash();
    [[nodiscard]] ReadWay next_way() const;
    [[nodiscard]] Calls calls() const {
        return plain_way == ReadWay::Batch ? Calls::Batch : Calls::Single;
    }
    [[nodiscard]] bpf::Map::Access access() const {
        using Access = bpf::Map::Access;
        return policy.clear_after_window || heads ? Access::ReadWrite : Access::ReadOnly;
    }
    [[nodiscard]] Result<> fill();
    [[nodiscard]] Result<> fill_flows(FlowHeads& found);
    [[nodiscard]] std::byte* flow_rows() const {
        return way == ReadWay::Mmap ? mapping.bytes().data() : rows.values.data();
    }
    [[nodiscard]] Result<> fill_by_drain();
    [[nodiscard]] Result<> fill_by_hash_drain();
    [[nodiscard]] Result<> erase();
    [[nodiscard]] Result<> clear_keyed();
    void clear_flows(const FlowHeads& found, const FlowLayout& layout);
    void clear_mapped();
    [[nodiscard]] Result<> clear_array();
    [[nodiscard]] Table table() const;
    [[nodiscard]] Result<Mapping> leave_mapping();

    bpf::Map map;
    MapPolicy policy;
    std::vector<std::byte> image;
    std::optional<FlowLayout> flows;  // a flow tensor
    std::optional<FlowHeads> heads;   // of it
    ReadWay way = ReadWay::None;
    ReadWay plain_way = ReadWay::None;      // hashes: the way of windows that a drain is not worth
    ReadWay filled_by = ReadWay::None;      // the way that the rows at hand came by
    Mapping mapping;                        // way Mmap
    std::vector<std::uint32_t> indices;     // ARRAYs: the entries that are rows
    std::unique_ptr<Drain> drain;           // way Drain: it holds the values
    std::unique_ptr<HashDrain> hash_drain;  // way Drain of a hash: it holds keys and values
    std::size_t expected_rows = 0;          // those of the window before; at first as many as fit
    Rows rows;                              // other ways; the count for all
    bool are_taken = false;                 // the rows are in the map no more
    bool is_read = false;  // rows or indices are those of the window now in the map
};

}  // namespace weir::table

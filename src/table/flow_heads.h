// SPDX-License-Identifier: Apache-2.0
#pragma once
// The heads of a flow tensor (bpf/weir/flow.h): a dense hash table beside the rows, in which user
// space finds the flows of a window, and from which it completes their rows.
//
//     auto heads = FlowHeads::open(map, *rows.shape().value);
//     heads->find();
//     heads->complete(memory, stride);   // packets and bytes are in the rows now
//     heads->clear();
//
// Ownership: owns the mapping; the map's owner must outlive it. Thread rule: one thread.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/map.h"
#include "weir/result.h"

namespace weir::table {

/// struct weir_flow_head (bpf/weir/flow_heads.h).
struct FlowHead {
    std::uint64_t tag = 0;
    std::uint32_t packets = 0;
    std::uint32_t row = 0;  // from 1 on; 0: the flow found none, its packets are untracked
    std::uint64_t forward_bytes = 0, backward_bytes = 0;
};

/// Appends slot and row of each head whose tag is not zero, in the order of slots.
void find_flows(std::span<const FlowHead> heads, std::vector<std::uint32_t>& slots,
                std::vector<std::uint32_t>& rows);

class FlowHeads {
public:
    /// `row`: the tensor's type of a row. Errors: Invalid (either is not as flow.h makes it),
    /// Permission, Io.
    [[nodiscard]] static Result<FlowHeads> open(const bpf::Map& map, const bpf::Type& row);

    /// Looks for the flows of the window. Cost: half a cache line a slot.
    void find();
    /// How many have a row.
    [[nodiscard]] std::size_t flows() const { return flows_; }
    /// Rows behind the last one that has a flow; more than flows() where some in between are empty.
    [[nodiscard]] std::uint32_t end() const { return end_; }
    /// Rows that were given out; flows() and those that CPUs lost to each other.
    [[nodiscard]] std::uint32_t given() const { return given_; }
    [[nodiscard]] bool is_dense() const { return flows_ == end_; }
    /// Sets `out` to the indices of their rows, ascending.
    void row_indices(std::vector<std::uint32_t>& out) const;
    /// Writes what the heads hold into the rows; row i lies at rows + i * stride.
    void complete(std::byte* rows, std::size_t stride) const;
    /// Frees the slots that find() found.
    void clear();

private:
    explicit FlowHeads(Mapping mapping, std::size_t slots)
        : mapping_(std::move(mapping)), slot_count_(slots) {}
    [[nodiscard]] FlowHead* heads() const;
    Mapping mapping_;
    std::size_t slot_count_;            // behind them one that counts rows
    std::vector<std::uint32_t> slots_;  // that hold a flow
    std::vector<std::uint32_t> rows_;   // beside slots_: FlowHead::row
    std::size_t flows_ = 0;
    std::uint32_t end_ = 0, given_ = 0;
};

}  // namespace weir::table

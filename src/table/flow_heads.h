// SPDX-License-Identifier: Apache-2.0
#pragma once
// The heads of a flow tensor (bpf/weir/flow.h): a dense array beside the rows, in which user space
// finds the flows of a window, and from which it completes their rows.
//
//     auto heads = FlowHeads::open(map);
//     heads->find(indices);
//     heads->complete(rows, stride, indices);   // each row now begins with its head
//     heads->clear(indices);
//
// Ownership: owns the mapping; the map's owner must outlive it. Thread rule: one thread.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/map.h"
#include "weir/result.h"

namespace weir::table {

/// Sets `indices` to those of `count` slots whose tag, their first 8 bytes, is not zero, in order.
void find_flows(const std::byte* slots, std::size_t stride, std::size_t count,
                std::vector<std::uint32_t>& indices);

class FlowHeads {
public:
    /// Errors: Permission, Io.
    [[nodiscard]] static Result<FlowHeads> open(const bpf::Map& map);

    /// Sets `indices` to the slots that hold a flow, in order. Cost: half a cache line a slot.
    void find(std::vector<std::uint32_t>& indices) const {
        find_flows(mapping_.bytes().data(), head_bytes_, count_, indices);
    }
    /// Writes each head before the rest of its row; rows[i] lies at rows + i * stride.
    void complete(std::byte* rows, std::size_t stride,
                  std::span<const std::uint32_t> indices) const;
    /// Writes the head of one slot to the start of `row`.
    void complete_one(std::byte* row, std::uint32_t index) const;
    void clear(std::span<const std::uint32_t> indices) const;

private:
    FlowHeads(Mapping mapping, std::size_t head_bytes, std::size_t count)
        : mapping_(std::move(mapping)), head_bytes_(head_bytes), count_(count) {}
    Mapping mapping_;
    std::size_t head_bytes_;
    std::size_t count_;
};

}  // namespace weir::table

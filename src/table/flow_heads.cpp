// SPDX-License-Identifier: Apache-2.0
#include "table/flow_heads.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::table {

void find_flows(const std::byte* slots, std::size_t stride, std::size_t count,
                std::vector<std::uint32_t>& indices) {
    constexpr std::size_t kBlock = 1024;
    std::array<std::uint32_t, kBlock> found;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    indices.clear();
    for (std::size_t start = 0; start < count; start += kBlock) {
        const std::size_t end = std::min(start + kBlock, count);
        std::size_t n = 0;
        for (std::size_t i = start; i < end; ++i) {
            std::uint64_t tag = 0;
            // SAFETY: a slot begins with its tag
            std::memcpy(&tag, slots + i * stride, sizeof(tag));
            found[n] = static_cast<std::uint32_t>(i);
            n += tag != 0 ? 1 : 0;
        }
        indices.insert(indices.end(), found.begin(),
                       found.begin() + static_cast<std::ptrdiff_t>(n));
    }
}

Result<FlowHeads> FlowHeads::open(const bpf::Map& map) {
    auto mapping = map.map_values();
    if (!mapping) return pass_on(mapping);
    return FlowHeads(std::move(*mapping), bpf::value_stride(map.shape().value_bytes),
                     map.shape().max_entries);
}

void FlowHeads::complete_one(std::byte* row, std::uint32_t index) const {
    // SAFETY: the row's first members are those of struct weir_flow_head
    std::memcpy(row, mapping_.bytes().data() + index * head_bytes_, head_bytes_);
}

void FlowHeads::complete(std::byte* rows, std::size_t stride,
                         std::span<const std::uint32_t> indices) const {
    constexpr std::size_t kAhead = 16;  // rows lie too far apart for the processor to guess
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const std::size_t ahead = indices[std::min(i + kAhead, indices.size() - 1)];
        __builtin_prefetch(rows + ahead * stride, 1);
        complete_one(rows + indices[i] * stride, indices[i]);
    }
}

void FlowHeads::clear(std::span<const std::uint32_t> indices) const {
    for (const std::uint32_t index : indices)
        std::memset(mapping_.bytes().data() + index * head_bytes_, 0, head_bytes_);
}

}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
#include "table/flow_heads.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::table {
namespace {

/// What a row starts with (bpf/weir/flow.h); all but the server comes from the flow's head.
struct RowStart {
    std::uint32_t packets;
    std::uint32_t server;
    std::uint64_t forward_bytes, backward_bytes;
};

bool has_member(const bpf::Type& row, std::string_view name, std::size_t offset,
                std::size_t bytes) {
    const auto it = std::ranges::find(row.members, name, &bpf::Member::name);
    return it != row.members.end() && it->bit_offset == offset * 8 && it->type->size_bytes == bytes;
}

bool has_start(const bpf::Type& row) {
    return has_member(row, "packets", offsetof(RowStart, packets), sizeof(RowStart::packets)) &&
           has_member(row, "forward_bytes", offsetof(RowStart, forward_bytes),
                      sizeof(RowStart::forward_bytes)) &&
           has_member(row, "backward_bytes", offsetof(RowStart, backward_bytes),
                      sizeof(RowStart::backward_bytes));
}

}  // namespace

void find_flows(std::span<const FlowHead> heads, std::vector<std::uint32_t>& slots,
                std::vector<std::uint32_t>& rows) {
    constexpr std::size_t kBlock = 1024;
    std::array<std::uint32_t, kBlock> slot;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::array<std::uint32_t, kBlock> row;   // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (std::size_t start = 0; start < heads.size(); start += kBlock) {
        const std::size_t end = std::min(start + kBlock, heads.size());
        std::size_t n = 0;
        for (std::size_t i = start; i < end;
             ++i) {  // a branch would be guessed wrongly half the time
            slot[n] = static_cast<std::uint32_t>(i);
            row[n] = heads[i].row;
            n += heads[i].tag != 0 ? 1 : 0;
        }
        const auto count = static_cast<std::ptrdiff_t>(n);
        slots.insert(slots.end(), slot.begin(), slot.begin() + count);
        rows.insert(rows.end(), row.begin(), row.begin() + count);
    }
}

Result<FlowHeads> FlowHeads::open(const bpf::Map& map, const bpf::Type& row) {
    if (map.shape().value_bytes != sizeof(FlowHead) || map.shape().max_entries < 2 ||
        !has_start(row))
        return fail(Errc::Invalid, "not as weir/flow.h makes a flow tensor");
    auto mapping = map.map_values();
    if (!mapping) return pass_on(mapping);
    return FlowHeads(std::move(*mapping), map.shape().max_entries - 1);
}

FlowHead* FlowHeads::heads() const {
    // SAFETY: pages are aligned, and the map's values are as large as a FlowHead.
    return reinterpret_cast<FlowHead*>(mapping_.bytes().data());
}

void FlowHeads::find() {
    slots_.clear();
    rows_.clear();
    find_flows({heads(), slot_count_}, slots_, rows_);
    flows_ = static_cast<std::size_t>(
        std::ranges::count_if(rows_, [](std::uint32_t row) { return row != 0; }));
    end_ = rows_.empty() ? 0 : std::ranges::max(rows_);
    given_ = heads()[slot_count_].row;
}

void FlowHeads::row_indices(std::vector<std::uint32_t>& out) const {
    out.clear();
    for (const std::uint32_t row : rows_)
        if (row != 0) out.push_back(row - 1);
    std::ranges::sort(out);
}

void FlowHeads::complete(std::byte* rows, std::size_t stride) const {
    constexpr std::size_t kAhead = 16;  // rows lie too far apart for the processor to guess
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const std::size_t ahead = rows_[std::min(i + kAhead, rows_.size() - 1)];
        __builtin_prefetch(rows + (std::max<std::size_t>(ahead, 1) - 1) * stride, 1);
        if (rows_[i] == 0) continue;
        const FlowHead& head = heads()[slots_[i]];
        // SAFETY: rows are aligned to 8 bytes, and has_start() says that they begin like this
        auto* const row = reinterpret_cast<RowStart*>(rows + (rows_[i] - 1) * stride);
        row->packets = head.packets;
        row->forward_bytes = head.forward_bytes;
        row->backward_bytes = head.backward_bytes;
    }
}

void FlowHeads::clear() {
    for (const std::uint32_t slot : slots_) heads()[slot] = {};
    heads()[slot_count_] = {};
    slots_.clear();
    rows_.clear();
}

}  // namespace weir::table

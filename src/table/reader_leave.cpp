// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include "table/reader.h"

namespace weir::table {

/// Of what is mapped: the map's own values, or the rows of a drain.
Result<Mapping> Reader::State::leave_mapping() {
    const bpf::MapShape& shape = map.shape();
    const std::size_t stride = bpf::value_stride(shape.value_bytes);
    if (drain) return drain->leave_rows(rows.count * stride);
    if (hash_drain && filled_by == ReadWay::Drain)
        return hash_drain->leave_rows(rows.count * hash_drain->row_bytes());
    auto fresh = map.map_values(access());
    if (!fresh) return fresh;
    const std::size_t used = heads ? heads->end() : shape.max_entries;
    if (auto r = mapping.make_private(used * stride); !r) return pass_on(r);
    return std::exchange(mapping, std::move(*fresh));
}

Result<std::shared_ptr<const void>> Reader::leave_memory(Table& table) {
    State& s = *state_;
    std::shared_ptr<const void> owner;
    if (s.drain || s.filled_by == ReadWay::Drain || s.way == ReadWay::Mmap) {
        auto left = s.leave_mapping();
        if (!left) return pass_on(left);
        owner = std::make_shared<Mapping>(std::move(*left));
    } else {
        const std::size_t count = s.heads ? s.heads->end() : s.rows.count;
        owner = std::make_shared<std::pair<Buffer, Buffer>>(
            s.rows.keys.leave(count * s.map.shape().key_bytes),
            s.rows.values.leave(count * table.value_step));
    }
    const Table fresh = s.table();
    table.keys = fresh.keys;
    table.values = fresh.values;
    return owner;
}

}  // namespace weir::table

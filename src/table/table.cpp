// SPDX-License-Identifier: Apache-2.0
#include "table/table.h"

namespace weir::table {

const char* read_way_name(ReadWay way) {
    switch (way) {
        case ReadWay::None: return "none";
        case ReadWay::Mmap: return "mmap";
        case ReadWay::Drain: return "drain";
        case ReadWay::Batch: return "batch";
        case ReadWay::Lookup: return "lookup";
    }
    return "none";
}

const std::byte* Table::key(std::size_t i) const {
    // SAFETY: an index is the __u32 key of its entry, byte for byte.
    if (!indices.empty()) return reinterpret_cast<const std::byte*>(&indices[i]);
    return keys == nullptr ? nullptr : keys + i * (key_step == 0 ? shape->key_bytes : key_step);
}

const std::byte* Table::value(std::size_t i) const {
    return values + (indices.empty() ? i : indices[i]) * value_step;
}

std::string kind_text(const Table& table) {
    if (table.flows != nullptr) return "flow_tensor";
    return table.shape->is_globals ? "globals" : bpf::kind_name(table.shape->kind);
}

}  // namespace weir::table

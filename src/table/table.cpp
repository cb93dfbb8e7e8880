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

std::string kind_text(const Table& table) {
    if (table.flows != nullptr) return "flow_tensor";
    return table.shape->is_globals ? "globals" : bpf::kind_name(table.shape->kind);
}

}  // namespace weir::table

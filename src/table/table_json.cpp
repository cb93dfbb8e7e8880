// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "table/flow_tensor.h"
#include "table/render.h"
#include "table/value.h"

namespace weir::table {
namespace {

using bpf::MapKind;

void append_field(std::string& out, std::string_view name, std::size_t value) {
    out.append(",\"").append(name).append("\":");
    append_decimal(out, value, false);
}

void append_flag(std::string& out, std::string_view name, bool value) {
    out.append(",\"").append(name).append(value ? "\":true" : "\":false");
}

void append_key(std::string& out, const Table& table, std::size_t i) {
    static const bpf::Type index{.kind = bpf::Type::Kind::Integer, .size_bytes = 4};
    const bool is_index =
        table.shape->kind == MapKind::Array || table.shape->kind == MapKind::PercpuArray;
    append_json(out, is_index ? index : *table.shape->key, table.key(i));
}

void append_percpu(std::string& out, const Table& table, std::size_t i) {
    const bpf::Type& type = *table.shape->value;
    const std::size_t step = bpf::value_stride(table.shape->value_bytes);
    out.append(R"("cpus":[)");
    for (std::uint32_t cpu = 0; cpu < table.cpus; ++cpu) {
        if (cpu > 0) out.push_back(',');
        append_json(out, type, table.value(i) + cpu * step);
    }
    out.push_back(']');
    if (!is_summable(type)) return;
    out.append(R"(,"sum":)");
    append_sum(out, Style::Json, {.type = &type}, table.value(i), step, table.cpus);
}

/// A flow: its key, then what is counted of it, then the packets that were recorded.
void append_flow(std::string& out, const Table& table, std::size_t i) {
    const FlowLayout& layout = *table.flows;
    const std::byte* row = table.value(i);
    out.append(R"({"key":)");
    append_json(out, *layout.key->type, row + layout.key->bit_offset / 8);
    out.append(R"(,"value":{)");
    for (const bpf::Member& member : table.shape->value->members) {
        if (&member == layout.key || member.name == "packet") continue;
        append_json_string(out, member.name);
        out.push_back(':');
        append_json(out, *member.type, row + member.bit_offset / 8);
        out.push_back(',');
    }
    out.append(R"("packet":[)");
    for (std::uint32_t j = 0; j < layout.recorded(row); ++j) {
        if (j > 0) out.push_back(',');
        append_json(out, *layout.packet,
                    row + layout.packet_offset + std::size_t{j} * layout.packet_bytes);
    }
    out.append("]}}");
}

void append_row(std::string& out, const Table& table, std::size_t i) {
    if (table.flows != nullptr) return append_flow(out, table, i);
    out.push_back('{');
    if (table.key(i) != nullptr) {
        out.append(R"("key":)");
        append_key(out, table, i);
        out.push_back(',');
    }
    if (table.cpus > 0) {
        append_percpu(out, table, i);
    } else {
        out.append(R"("value":)");
        append_json(out, *table.shape->value, table.value(i));
    }
    out.push_back('}');
}

}  // namespace

void append_table_json(std::string& out, const Table& table, std::size_t max_rows) {
    out.append(R"({"kind":)");
    append_json_string(out, kind_text(table));
    out.append(R"(,"class":")").append(map_class_name(table.map_class)).push_back('"');
    if (table.way != ReadWay::None) {
        append_field(out, "rows", table.rows);
        append_field(out, "capacity", table.capacity);
        append_flag(out, "saturated", table.is_saturated);
    }
    out.append(R"(,"read":")").append(read_way_name(table.way)).push_back('"');
    if (table.way == ReadWay::None) return out.push_back('}');
    const std::size_t shown = std::min(table.rows, max_rows);
    if (max_rows > 0) {
        out.append(R"(,"entries":[)");
        for (std::size_t i = 0; i < shown; ++i) {
            if (i > 0) out.push_back(',');
            append_row(out, table, i);
        }
        out.push_back(']');
    }
    append_flag(out, "truncated", table.is_truncated || shown < table.rows);
    out.push_back('}');
}

}  // namespace weir::table

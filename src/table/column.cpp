// SPDX-License-Identifier: Apache-2.0
#include "table/column.h"

#include <algorithm>
#include <array>

#include "table/fill.h"
#include "table/flow_tensor.h"
#include "table/quote.h"
#include "table/scan.h"
#include "table/value.h"

namespace weir::table {
namespace {

using bpf::Form;
using bpf::Member;
using bpf::Type;
using Kind = Type::Kind;

constexpr std::size_t kMaxCell =
    60;  // wider cells (arrays, mostly) are cut: a table is for reading

const Type& index_type() {
    static const Type index{.kind = Kind::Integer, .size_bytes = 4};
    return index;
}

Column leaf(std::string name, const Place& place, bool is_key) {
    const Type& type = *place.type;
    const bool is_plain = type.form == Form::Plain || type.form == Form::BigEndian;
    const bool is_integer = type.kind == Kind::Integer && is_plain;
    return {.name = std::move(name),
            .place = place,
            .is_key = is_key,
            .is_number = is_integer || type.kind == Kind::Float,
            .is_counter = !is_key && is_integer && type.form == Form::Plain};
}

/// Appends the columns of one side; `path` is the name of the group it lies in.
void flatten(std::vector<Column>& out, const Type& type, const std::string& path,
             std::uint32_t bit_offset, bool is_key) {
    for (const Member& member : type.members) {
        const Type& inner = *member.type;
        const std::uint32_t at = bit_offset + member.bit_offset;
        const std::string name =
            path.empty() || member.name.empty() ? path + member.name : path + "." + member.name;
        const bool is_struct = inner.kind == Kind::Struct && inner.form == Form::Plain;
        const bool is_anonymous = member.name.empty();
        if (is_struct || (is_anonymous && inner.kind == Kind::Union)) {
            flatten(out, inner, name, at, is_key);
        } else if (!is_anonymous) {
            out.push_back(leaf(
                name, {.type = &inner, .bit_offset = at, .bit_size = member.bit_size}, is_key));
        }
    }
}

void add_side(std::vector<Column>& out, const Type& type, const std::string& name, bool is_key) {
    const bool is_struct = type.kind == Kind::Struct && type.form == Form::Plain;
    if (is_struct) return flatten(out, type, "", 0, is_key);
    out.push_back(leaf(name, {.type = &type}, is_key));
}

std::string cut(std::string cell) {
    if (width_of(cell) <= kMaxCell) return cell;
    std::size_t end = 0;
    for (std::size_t width = 0; width < kMaxCell; ++width) {
        do {
            ++end;
        } while (end < cell.size() && (static_cast<unsigned char>(cell[end]) & 0xc0) == 0x80);
    }
    cell.resize(end);
    return cell + "…";
}

bool is_zero_at(const Place& place, const std::byte* value) {
    if (place.bit_size != 0) return load_integer(place, value) == 0;
    return is_all_zero(value + place.bit_offset / 8, place.type->size_bytes);
}

/// The first CPU's value in which this place is not zero.
const std::byte* first_used(const Table& table, const Place& place, std::size_t row) {
    const std::size_t step = bpf::value_stride(table.shape->value_bytes);
    const std::byte* first = table.value(row);
    for (std::uint32_t cpu = 0; cpu < table.cpus; ++cpu) {
        if (!is_zero_at(place, first + cpu * step)) return first + cpu * step;
    }
    return first;
}

bool is_counter_name(std::string_view name) {
    constexpr std::array<std::string_view, 6> kWords = {"packets", "pkts", "count",
                                                        "bytes",   "hits", "total"};
    return std::ranges::any_of(kWords,
                               [&](std::string_view word) { return name.find(word) != name.npos; });
}

/// A flow: its key, then what is counted of it. Its packets are no cells.
std::vector<Column> columns_of_flow(const Type& flow) {
    std::vector<Column> out;
    Type rest = flow;
    std::erase_if(rest.members, [&](const Member& member) {
        if (member.name == "key") flatten(out, *member.type, "", member.bit_offset, false);
        return member.name == "key" || member.name == "packet";
    });
    flatten(out, rest, "", 0, false);
    return out;
}

}  // namespace

bool is_indexed(const bpf::MapShape& shape) { return is_array(shape.kind); }

bool is_in_order(const bpf::MapShape& shape) { return is_indexed(shape) || is_queue(shape.kind); }

std::vector<Column> columns_of(const bpf::MapShape& shape) {
    if (flow_layout(shape)) return columns_of_flow(*shape.value);
    std::vector<Column> out;
    if (is_indexed(shape)) {
        add_side(out, index_type(), "index", true);
    } else if (!is_queue(shape.kind)) {
        add_side(out, *shape.key, "key", true);
    }
    add_side(out, *shape.value, "value", false);
    std::vector<std::string> names;
    names.reserve(out.size());
    for (const Column& column : out) names.push_back(column.name);
    for (Column& column : out) {
        if (std::ranges::count(names, column.name) < 2) continue;
        column.name.insert(0, column.is_key ? "key." : "value.");
    }
    return out;
}

std::string cell_text(const Table& table, const Column& column, std::size_t row) {
    std::string out;
    const std::byte* at = column.is_key ? table.key(row) : table.value(row);
    const bool is_percpu = table.cpus > 0 && !column.is_key;
    if (is_percpu && is_summable(*column.place.type)) {
        const std::size_t step = bpf::value_stride(table.shape->value_bytes);
        append_sum(out, Style::Text, column.place, at, step, table.cpus);
    } else {
        append_value(out, Style::Text, column.place,
                     is_percpu ? first_used(table, column.place, row) : at);
    }
    return column.is_counter ? with_separators(out) : cut(std::move(out));
}

const Column* counter_column(const std::vector<Column>& columns) {
    const Column* first = nullptr;
    for (const Column& column : columns) {
        if (!column.is_counter) continue;
        if (is_counter_name(column.name)) return &column;
        if (first == nullptr) first = &column;
    }
    return first;
}

double size_of_cell(const Table& table, const Column& column, std::size_t row) {
    const std::size_t step = bpf::value_stride(table.shape->value_bytes);
    const std::byte* at = table.value(row);
    double sum = 0;
    for (std::uint32_t i = 0; i < std::max(table.cpus, 1U); ++i) {
        const Uint128 value = load_integer(column.place, at + i * step);
        sum += column.place.type->is_signed ? static_cast<double>(static_cast<Int128>(value))
                                            : static_cast<double>(value);
    }
    return sum;
}

}  // namespace weir::table

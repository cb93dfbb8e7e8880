// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <vector>

#include "table/column.h"
#include "table/quote.h"
#include "table/render.h"
#include "table/value.h"

namespace weir::table {
namespace {

constexpr std::string_view kIndent = "  ";

struct Colours {
    std::string_view name, warning, faint, off;
};

Colours colours(bool use_colour) {
    if (!use_colour) return {};
    return {.name = "\x1b[1m", .warning = "\x1b[31m", .faint = "\x1b[2m", .off = "\x1b[0m"};
}

std::string count(std::size_t n) { return with_separators(std::to_string(n)); }

void append_title(std::string& out, const Table& table, const Colours& paint) {
    const bpf::MapShape& shape = *table.shape;
    out.append(paint.name);
    append_plain_text(out, shape.name);
    out.append(paint.off).append(kIndent);
    out.append(kind_text(table));
    if (table.way == ReadWay::None) {
        out.append("  capacity ").append(count(shape.max_entries)).append(", not read");
    } else if (!shape.is_globals) {
        out.append(kIndent).append(count(table.rows)).append(" of ");
        out.append(count(table.capacity)).append(" rows");
        if (table.cpus > 0) out.append(", sums of ").append(count(table.cpus)).append(" CPUs");
    }
    if (table.is_saturated)
        out.append(kIndent).append(paint.warning).append("saturated").append(paint.off);
    if (table.is_truncated)
        out.append(kIndent).append(paint.warning).append("cut short").append(paint.off);
    out.push_back('\n');
}

void append_padded(std::string& out, const std::string& cell, std::size_t width, bool is_right) {
    const std::size_t padding = width - std::min(width, width_of(cell));
    if (is_right) out.append(padding, ' ');
    out.append(cell);
    if (!is_right) out.append(padding, ' ');
}

/// Rows of cells under their headings; no space at the end of a line.
void append_grid(std::string& out, const std::vector<Column>& columns,
                 const std::vector<std::vector<std::string>>& lines) {
    std::vector<std::size_t> widths(columns.size());
    for (const auto& line : lines) {
        for (std::size_t c = 0; c < columns.size(); ++c) {
            widths[c] = std::max(widths[c], width_of(line[c]));
        }
    }
    for (const auto& line : lines) {
        for (std::size_t c = 0; c < columns.size(); ++c) {
            out.append(kIndent);
            append_padded(out, line[c], widths[c], columns[c].is_number);
        }
        out.erase(out.find_last_not_of(' ') + 1);
        out.push_back('\n');
    }
}

/// The rows to show, the largest first. ARRAY kinds keep their order while all of it is shown (a
/// histogram reads by its index), queues always (their order is that of the packets).
std::vector<std::size_t> pick_rows(const Table& table, const std::vector<Column>& columns,
                                   std::size_t max_rows) {
    std::vector<std::size_t> order(table.rows);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const std::size_t shown = std::min(max_rows, table.rows);
    const Column* by = counter_column(columns);
    const bool has_order = is_in_order(*table.shape) &&
                           (!is_indexed(*table.shape) || shown == table.rows) &&
                           table.flows == nullptr;
    if (by != nullptr && !has_order) {
        std::vector<double> sizes(table.rows);
        for (std::size_t i = 0; i < table.rows; ++i) sizes[i] = size_of_cell(table, *by, i);
        const auto is_larger = [&](std::size_t a, std::size_t b) {
            return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : a < b;
        };
        std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(shown),
                                  is_larger);
    }
    order.resize(shown);
    return order;
}

void append_rows(std::string& out, const Table& table, std::size_t max_rows, const Colours& paint) {
    const std::vector<Column> columns = columns_of(*table.shape);
    std::vector<std::vector<std::string>> lines(1);
    for (const Column& column : columns) lines[0].push_back(column.name);
    for (const std::size_t row : pick_rows(table, columns, max_rows)) {
        auto& line = lines.emplace_back();
        for (const Column& column : columns) line.push_back(cell_text(table, column, row));
    }
    const std::size_t shown = lines.size() - 1;
    if (shown > 0) append_grid(out, columns, lines);
    if (shown == table.rows) return;
    out.append(kIndent).append(paint.faint).append("… ").append(count(table.rows - shown));
    out.append(" more").append(paint.off).push_back('\n');
}

/// Globals are one row of many columns: shown one below the other.
void append_globals(std::string& out, const Table& table) {
    const std::vector<Column> columns = columns_of(*table.shape);
    std::size_t width = 0;
    for (const Column& column : columns) {
        if (!column.is_key) width = std::max(width, width_of(column.name));
    }
    for (const Column& column : columns) {
        if (column.is_key) continue;
        out.append(kIndent);
        append_padded(out, column.name, width, false);
        out.append(kIndent).append(cell_text(table, column, 0));
        out.erase(out.find_last_not_of(' ') + 1);
        out.push_back('\n');
    }
}

}  // namespace

void append_table_text(std::string& out, const Table& table, std::size_t max_rows,
                       bool use_colour) {
    const Colours paint = colours(use_colour);
    append_title(out, table, paint);
    if (table.way == ReadWay::None || table.rows == 0) return;
    if (table.shape->is_globals) {
        if (max_rows > 0) append_globals(out, table);
        return;
    }
    append_rows(out, table, max_rows, paint);
}

}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A table's rows as cells: the members of its key and value, flattened. For people; programs read
// JSON. Columns borrow the shape's types. Pure functions.
#include <cstddef>
#include <string>
#include <vector>

#include "table/number.h"
#include "table/table.h"

namespace weir::table {

struct Column {
    std::string name;  // "saddr"; "key.id" and "value.id" where both have an id
    Place place;       // in the key or in the value
    bool is_key = false;
    bool is_number = false;   // stands to the right
    bool is_counter = false;  // a plain integer of the value
};

[[nodiscard]] std::vector<Column> columns_of(const bpf::MapShape& shape);

/// Per-CPU columns are sums; of what cannot be added, the first CPU's that is not all zero.
[[nodiscard]] std::string cell_text(const Table& table, const Column& column, std::size_t row);

/// What rows are ordered by: the first column named as a counter, else the first plain integer;
/// null where the value has none.
[[nodiscard]] const Column* counter_column(const std::vector<Column>& columns);
[[nodiscard]] double size_of_cell(const Table& table, const Column& column, std::size_t row);

[[nodiscard]] bool is_indexed(const bpf::MapShape& shape);   // ARRAY kinds
[[nodiscard]] bool is_in_order(const bpf::MapShape& shape);  // ARRAY kinds, QUEUE, STACK

}  // namespace weir::table

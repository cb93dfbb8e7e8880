// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tables as people read them and as programs do. Both walk the same Type tree. Pure functions.
#include <cstddef>
#include <optional>
#include <string>

#include "table/table.h"

namespace weir::table {

/// Appends one value as JSON: members by name (anonymous ones as the parent's own), network types
/// as people write them, char arrays as text, pointers "0x...", enums by name, other integers as
/// numbers.
void append_json(std::string& out, const bpf::Type& type, const std::byte* bytes);

/// Appends one value as a person writes it: as JSON, but bare ("10.0.0.1", {packets: 3, bytes:
/// 180}).
void append_text(std::string& out, const bpf::Type& type, const std::byte* bytes);

/// Appends the object under "tables" in the window's JSON (docs/design.md):
/// {"kind":"hash","class":"windowed","rows":2,"capacity":1024,"saturated":false,"read":"batch",
///  "entries":[{"key":..,"value":..}],"truncated":false}; per-CPU rows have "cpus":[..] and "sum".
/// max_rows 0 leaves "entries" out; fewer rows than there are sets "truncated".
void append_table_json(std::string& out, const Table& table, std::size_t max_rows);

/// Appends the table for a terminal: a title line, then aligned columns (a struct's members are
/// columns, numbers to the right), the largest rows first by the first counter column, and a last
/// line that says how many rows were left out.
void append_table_text(std::string& out, const Table& table, std::size_t max_rows, bool use_colour);

/// Appends a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace weir::table

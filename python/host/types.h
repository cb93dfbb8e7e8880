// SPDX-License-Identifier: Apache-2.0
#pragma once
// Types as the package's Python code knows them: dictionaries.
//
//     {"kind": "struct", "name": "flow", "size": 16, "signed": False, "form": "plain", "members":
//      [{"name": "source", "bit_offset": 0, "bit_size": 0, "type": {...}}, ...]}
//
// "kind": int bool enum float pointer struct union array opaque; "form": plain big_endian ipv4
// address ipv6 mac text (weir/type.h). Arrays have "element" and "count", enums "enumerators", a
// list of (name, value).
//
// Thread rule: the GIL is held.
#include <pybind11/pybind11.h>

#include "weir/table.h"

namespace weir::python {

/// The same dictionary for the same type, as long as Python runs.
[[nodiscard]] pybind11::object describe(const TypePtr& type);

[[nodiscard]] const char* word(MapKind kind);  // "hash", as the kernel calls it
[[nodiscard]] const char* word(MapClass map_class);

}  // namespace weir::python

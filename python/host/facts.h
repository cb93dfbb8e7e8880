// SPDX-License-Identifier: Apache-2.0
#pragma once
// A window as the package's Python code gets it (python/weir/_window.py), and its end.
//
// Thread rule: the GIL is held.
#include <pybind11/pybind11.h>

#include <vector>

#include "host/raw_table.h"

namespace weir::python {

[[nodiscard]] py::dict facts_of(const Window& window);

/// Ends all access to the window; counts nothing itself: the source does.
/// Errors: those of RawTable::close().
[[nodiscard]] Result<> close_tables(OpenWindow& open, const Snapshot& snapshot,
                                    std::vector<py::object>& tables);

}  // namespace weir::python

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes of a table as a Python object: whoever looks at them through Python's buffer protocol
// (memoryview, numpy) may not write, and keeps this object alive. So its reference count says
// whether anybody still looks when the callback is over.
//
// Ownership: borrows the bytes until `owner` is set. Thread rule: the GIL is held.
#include <pybind11/pybind11.h>

#include <cstddef>
#include <memory>

namespace weir::python {
namespace py = pybind11;

struct Memory {
    const std::byte* data = nullptr;
    std::size_t bytes = 0;
    std::shared_ptr<const void> owner = {};  // null: the table's, until the callback is over
};

/// A new Memory, as Python has it.
[[nodiscard]] py::object make_memory(const std::byte* data, std::size_t bytes,
                                     std::shared_ptr<const void> owner = {});
/// Whether anybody but `memory` itself holds it.
[[nodiscard]] bool is_held(const py::object& memory);
[[nodiscard]] py::object view_of(const py::object& memory);  // a memoryview

void define_memory(py::module_& module);

}  // namespace weir::python

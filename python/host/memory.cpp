// SPDX-License-Identifier: Apache-2.0
#include "host/memory.h"

#include <utility>

namespace weir::python {

py::object make_memory(const std::byte* data, std::size_t bytes,
                       std::shared_ptr<const void> owner) {
    static constexpr std::byte kNothing{};  // Python wants an address for no bytes, too
    return py::cast(
        Memory{.data = bytes == 0 ? &kNothing : data, .bytes = bytes, .owner = std::move(owner)});
}

bool is_held(const py::object& memory) { return memory && Py_REFCNT(memory.ptr()) > 1; }

py::object view_of(const py::object& memory) {
    if (!memory) return py::none();
    auto view = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(memory.ptr()));
    if (!view) throw py::error_already_set();
    return view;
}

void define_memory(py::module_& module) {
    py::class_<Memory>(module, "Memory", py::buffer_protocol()).def_buffer([](Memory& memory) {
        // SAFETY: the buffer is read-only.
        auto* data = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(memory.data));
        return py::buffer_info(data, static_cast<py::ssize_t>(memory.bytes), true);
    });
}

}  // namespace weir::python

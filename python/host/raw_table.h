// SPDX-License-Identifier: Apache-2.0
#pragma once
// A table as the package's Python code gets it: facts, and after read() the memory of its rows.
// What Python sees is written down in python/weir/_rows.py and _arrays.py.
//
// Ownership: borrows the window until close(). Thread rule: the GIL is held; read() and what else
// takes time lets go of it, and one mutex of the window keeps threads of a script apart.
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "weir/extractor.h"

namespace weir::python {
namespace py = pybind11;

/// A window while its callback runs.
struct OpenWindow {
    std::mutex mutex;                    // guards what follows, and the table source
    const Snapshot* snapshot = nullptr;  // null: the callback is over
};

class RawTable {
public:
    RawTable(std::shared_ptr<OpenWindow> window, std::size_t index);

    /// Idempotent. Raises weir.Error.
    void read();
    [[nodiscard]] const Table& table() const { return table_; }
    [[nodiscard]] py::object keys();    // Memory; None: it has none
    [[nodiscard]] py::object values();  // Memory
    [[nodiscard]] py::object indices() const;
    /// Keys and values row by row, 8-byte aligned: in place where they lie so, else a copy.
    [[nodiscard]] py::object interleaved();
    [[nodiscard]] std::size_t interleaved_step() const;
    /// Of a flow tensor: writes [flows, packets_per_flow, columns] to a buffer of float32.
    void to_float32(const py::list& columns, const py::buffer& out);

    /// The callback is over: what Python still looks at keeps its content.
    /// Errors: those of TableSource::leave_memory().
    [[nodiscard]] Result<> close(TableSource& source);

private:
    void require_open() const;
    [[nodiscard]] bool is_in_one_row() const;
    [[nodiscard]] py::object& expose(py::object& memory, const std::byte* data, std::size_t bytes);

    std::shared_ptr<OpenWindow> window_;
    std::size_t index_;
    Table table_;
    bool is_read_ = false;
    py::object keys_, values_, rows_;  // Memory objects that lie in the table's memory
    py::object copy_;                  // one with memory of its own
};

void define_raw_table(py::module_& module);

}  // namespace weir::python

// SPDX-License-Identifier: Apache-2.0
#pragma once
// CPython in this process: started by the first extractor that needs it, ended with the last.
//
//     auto interpreter = Interpreter::start(script);
//     { const Gil gil(*interpreter); py::module_::import("...") }
//
// Ownership: a handle of one extractor on the one interpreter. Thread rule: made, used and
// destroyed on the extractor's worker thread, which releases the GIL whenever no Gil lives.
#include <pybind11/embed.h>

#include <memory>
#include <string>

#include "weir/result.h"

namespace weir::python {
namespace py = pybind11;

class Interpreter {
public:
    /// Sets sys.argv to `script` where it starts Python. Errors: Unsupported (it does not start, or
    /// was left with threads in it by an extractor that has ended).
    [[nodiscard]] static Result<std::unique_ptr<Interpreter>> start(const std::string& script);
    /// Ends Python with the last handle; where threads of scripts still run it stops them instead,
    /// by never letting go of the GIL again: nothing here waits for them.
    ~Interpreter();
    Interpreter(const Interpreter&) = delete;
    Interpreter& operator=(const Interpreter&) = delete;

    /// This thread, as Python knows it.
    [[nodiscard]] unsigned long thread_id() const { return thread_id_; }

private:
    friend class Gil;
    Interpreter() = default;
    PyThreadState* thread_ = nullptr;  // this thread's, kept from window to window
    unsigned long thread_id_ = 0;
    bool is_owner_ = false;  // its thread started Python: only there may it end
};

/// While it lives, this thread runs Python.
class Gil {
public:
    explicit Gil(Interpreter& interpreter) : interpreter_(interpreter) {
        PyEval_RestoreThread(interpreter.thread_);
    }
    ~Gil() { interpreter_.thread_ = PyEval_SaveThread(); }
    Gil(const Gil&) = delete;
    Gil& operator=(const Gil&) = delete;

private:
    Interpreter& interpreter_;
};

}  // namespace weir::python

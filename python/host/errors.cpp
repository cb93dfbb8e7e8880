// SPDX-License-Identifier: Apache-2.0
#include "host/errors.h"

namespace weir::python {
namespace py = pybind11;
namespace {

const char* word(Errc code) {
    switch (code) {
        case Errc::NotFound: return "NotFound";
        case Errc::Permission: return "Permission";
        case Errc::Busy: return "Busy";
        case Errc::Unsupported: return "Unsupported";
        case Errc::Invalid: return "Invalid";
        case Errc::Rejected: return "Rejected";
        case Errc::Io: break;
    }
    return "Io";
}

}  // namespace

void raise(const Error& error) {
    const py::object kind = py::module_::import("weir._errors").attr("Error");
    const py::object made = kind(error.message, word(error.code), error.log, error.hint);
    PyErr_SetObject(kind.ptr(), made.ptr());
    throw py::error_already_set();
}

}  // namespace weir::python

// SPDX-License-Identifier: Apache-2.0
// The module _weir_core: probes for Python programs (python/weir/_probe.py).
#include <pybind11/stl.h>

#include "core/session.h"
#include "host/memory.h"
#include "host/network.h"
#include "host/raw_table.h"

PYBIND11_MODULE(_weir_core, module) {
    namespace py = pybind11;
    using weir::python::Session;
    weir::python::define_memory(module);
    weir::python::define_network(module);
    weir::python::define_raw_table(module);
    py::class_<Session>(module, "Session")
        .def(py::init<const py::dict&>())
        .def("next", &Session::next)
        .def("release", &Session::release)
        .def("close", &Session::close)
        .def_property_readonly("notices", &Session::notices)
        .def_property_readonly("mode", &Session::mode);
}

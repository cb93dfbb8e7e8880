// SPDX-License-Identifier: Apache-2.0
// What the package's Python code sees of weir while it is embedded: the module _weir_host.
#include <pybind11/embed.h>

#include "host/memory.h"
#include "host/network.h"
#include "host/raw_table.h"

PYBIND11_EMBEDDED_MODULE(_weir_host, module) {
    weir::python::define_memory(module);
    weir::python::define_network(module);
    weir::python::define_raw_table(module);
}

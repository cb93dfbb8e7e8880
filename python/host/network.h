// SPDX-License-Identifier: Apache-2.0
#pragma once
// A neural network in Python, on weir's own runner: what the stand-in for keras predicts with.
//
//     network = Network("lucid.h5")
//     network.predict(x)                 # [n, 10, 11, 1] -> float32 [n, 1]
#include <pybind11/pybind11.h>

namespace weir::python {

/// Adds the class Network. Thread rule: the GIL is held, but while it predicts.
void define_network(pybind11::module_& module);

}  // namespace weir::python

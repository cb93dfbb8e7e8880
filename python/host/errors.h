// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between weir's errors and Python's. The GIL is held.
#include <pybind11/pybind11.h>

#include "weir/result.h"

namespace weir::python {

/// Raises weir.Error with the error's code, log and hint.
[[noreturn]] void raise(const Error& error);

}  // namespace weir::python

// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a map that WEIR_FLOW_TENSOR made to the view that user space has of it (weir/flow_tensor.h).
// Pure function.
#include <optional>

#include "table/table.h"
#include "weir/flow_tensor.h"

namespace weir::table {

using weir::Feature;
using weir::FloatColumn;
using weir::FlowTensor;
using weir::Origin;

/// None: the map is no flow tensor, or not laid out like one. Borrows the shape's types.
[[nodiscard]] std::optional<FlowLayout> flow_layout(const bpf::MapShape& shape);

}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The operators of an ONNX model, for people: names, shapes, weights. Thread-safe.
#include <vector>

#include "model/model_file.h"

namespace onnx {
class ModelProto;
}

namespace weir::model {

/// The nodes of the outer graph in their order. Shapes are those that ONNX Runtime infers; without
/// it, or where it does not open the model, they are left out. Consumes the model.
/// Cost: a session without optimisation.
[[nodiscard]] std::vector<LayerLine> onnx_layers(onnx::ModelProto model);

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#pragma once
// With what a layer of a Functional model was called: inbound_nodes of Keras 2 and of Keras 3.
#include <string>
#include <vector>

#include "model/keras_config.h"

namespace weir::model::keras {

/// Output `tensor` of call `node` of a layer.
struct NodeRef {
    std::string layer;
    std::size_t node = 0, tensor = 0;
};

/// One call: the outputs that it takes.
using Node = std::vector<NodeRef>;

/// The calls of a layer. Errors: Invalid; Unsupported (called with something else than outputs).
[[nodiscard]] Result<std::vector<Node>> read_inbound_nodes(const Json& layer);

/// Refs as input_layers and output_layers have them: one, or a list. Errors: Invalid.
[[nodiscard]] Result<Node> read_refs(const Json* json);

}  // namespace weir::model::keras

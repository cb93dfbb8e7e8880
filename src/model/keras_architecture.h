// SPDX-License-Identifier: Apache-2.0
#pragma once
// The layers of a Keras model and who is called with whose output, from the JSON that Keras writes.
// Models within the model are laid open.
//
// Source: keras/src/models/{sequential,functional}.py, Keras 2: keras/engine/functional.py.
#include <cstddef>
#include <string>
#include <vector>

#include "model/keras_config.h"
#include "model/keras_weights.h"

namespace weir::model::keras {

/// One call of a layer; a shared layer has several.
struct Call {
    std::string name, kind;        ///< "encoder/dense", "Dense"
    const Json* config = nullptr;  ///< borrowed from the model's JSON
    WeightPlace place;
    std::vector<std::size_t> inputs;  ///< calls before this one
    Shape shape;                      ///< of an InputLayer: without the samples

    [[nodiscard]] bool is_input() const { return kind == "InputLayer"; }
};

struct Architecture {
    std::vector<Call> calls;  ///< each after those whose output it takes
    std::vector<std::size_t> inputs, outputs;
};

/// `model` is {"class_name": "Sequential", "config": {...}}, and outlives the result.
/// Errors: Invalid (not a model, connected in a circle, or to what is not there), Unsupported (a
/// model of another class, an unknown dimension, numbers other than float32).
[[nodiscard]] Result<Architecture> read_architecture(const Json& model);

/// The name under which Keras 3 files a layer of this class: "conv2d", "batch_normalization".
[[nodiscard]] std::string stored_name(std::string_view kind);

}  // namespace weir::model::keras

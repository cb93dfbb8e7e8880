// SPDX-License-Identifier: Apache-2.0
#pragma once
// How one layer becomes ONNX operators. A family of layers is one keras_FAMILY.cpp.
//
// A function here reads its options from `config` without looking at errors, because whoever calls
// it asks config.error() first; it refuses by name what it does not do.
//
// Thread rule: one thread.
#include <span>
#include <string_view>
#include <vector>

#include "model/keras_config.h"
#include "model/keras_onnx.h"
#include "model/keras_weights.h"
#include "weir/result.h"

namespace weir::model::keras {

struct LayerCall {
    std::string_view kind;
    int keras = 2;  ///< the major version that wrote the file; some words changed their meaning
    Config& config;
    LayerWeights& weights;
    OnnxGraph& graph;
    std::vector<Value> inputs;  ///< at least one

    [[nodiscard]] const Value& input() const { return inputs.front(); }
};

using ConvertLayer = Result<Value> (*)(LayerCall& call);

struct LayerKind {
    constexpr LayerKind(std::string_view its_kind, ConvertLayer its_convert)
        : kind(its_kind), convert(its_convert) {}

    std::string_view kind;  ///< the class in Keras
    ConvertLayer convert;
};

[[nodiscard]] std::span<const LayerKind> core_layers();
[[nodiscard]] std::span<const LayerKind> activation_layers();
[[nodiscard]] std::span<const LayerKind> convolution_layers();
[[nodiscard]] std::span<const LayerKind> pooling_layers();
[[nodiscard]] std::span<const LayerKind> merge_layers();
[[nodiscard]] std::span<const LayerKind> recurrent_layers();

/// Applies what the option `key` says: a function's name, or a layer. None: nothing.
[[nodiscard]] Result<Value> activate(LayerCall& call, Value value,
                                     std::string_view key = "activation");

/// Which of Keras' axes of a value (0: the samples) an option means; -1 is the last one.
/// Errors: Invalid (there is no such axis), Unsupported (the samples).
[[nodiscard]] Result<std::size_t> axis_of(std::int64_t axis, std::size_t rank);

}  // namespace weir::model::keras

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What convolutions and pooling share: which axes are space, and how windows lie on them.
#include "model/keras_layer.h"

namespace weir::model::keras {

/// A layer's input as ONNX takes it: [samples, channels, space...].
struct Spatial {
    Value value = {};
    bool has_channels_last = true;
    std::int64_t channels = 0;
    Shape space = {};
};

/// Reads data_format, and turns the input. Errors: Invalid (another rank).
[[nodiscard]] Result<Spatial> spatial_input(LayerCall& call, std::size_t dimensions);
/// The value that an operator made of it.
[[nodiscard]] Value spatial_output(const Spatial& from, std::string name, std::int64_t channels,
                                   Shape space);

/// Windows on each axis of space.
struct Windows {
    Shape size = {}, stride = {}, dilation = {};
    std::vector<std::int64_t> pads = {};  ///< as ONNX takes them: before, for each axis; then after
    Shape count = {};
};

/// Fills in pads and count. Padding: valid, same, causal. Source: what "same" means,
/// tensorflow/core/framework/common_shape_fns.cc. Errors: Invalid (a window is larger than what it
/// lies on, no such padding).
[[nodiscard]] Result<> place_windows(Windows& windows, const Shape& space,
                                     std::string_view padding);

}  // namespace weir::model::keras

// SPDX-License-Identifier: Apache-2.0
// Pooling: the greatest or the mean of each window, or of all.
#include <fmt/format.h>

#include <array>

#include "model/keras_spatial.h"

namespace weir::model::keras {
namespace {

struct PoolKind {
    std::size_t dimensions;
    bool is_average;
};

Result<Value> pool(LayerCall& call, PoolKind kind) {
    auto x = spatial_input(call, kind.dimensions);
    if (!x) return pass_on(x);
    Windows w{.size = call.config.sizes("pool_size", kind.dimensions, 2),
              .stride = {},
              .dilation = Shape(kind.dimensions, 1)};
    const bool has_strides = call.config.any("strides") != nullptr;
    w.stride = has_strides ? call.config.sizes("strides", kind.dimensions, 1) : w.size;
    const std::string padding = call.config.text("padding", "valid");
    if (padding == "causal") call.config.refuse("padding");
    if (auto r = place_windows(w, x->space, padding); !r) return pass_on(r);
    // What lies outside is not counted, neither by Keras nor here.
    const std::string y =
        call.graph.add(kind.is_average ? "AveragePool" : "MaxPool", {x->value.name},
                       {{"kernel_shape", w.size}, {"strides", w.stride}, {"pads", w.pads}});
    return spatial_output(*x, y, x->channels, w.count);
}

Result<Value> pool_all(LayerCall& call, PoolKind kind) {
    const bool keeps_axes = call.config.flag("keepdims", false);
    auto x = spatial_input(call, kind.dimensions);
    if (!x) return pass_on(x);
    Value y = spatial_output(
        *x,
        call.graph.add(kind.is_average ? "GlobalAveragePool" : "GlobalMaxPool", {x->value.name}),
        x->channels, Shape(kind.dimensions, 1));
    if (keeps_axes) return y;
    return call.graph.reshaped(call.graph.in_order(y, Order::Keras), {x->channels});
}

template <std::size_t Dimensions, bool IsAverage, Result<Value> (*Convert)(LayerCall&, PoolKind)>
Result<Value> of(LayerCall& call) {
    return Convert(call, {.dimensions = Dimensions, .is_average = IsAverage});
}

constexpr std::array kLayers = {
    LayerKind{"MaxPooling1D", &of<1, false, pool>},
    LayerKind{"MaxPooling2D", &of<2, false, pool>},
    LayerKind{"AveragePooling1D", &of<1, true, pool>},
    LayerKind{"AveragePooling2D", &of<2, true, pool>},
    LayerKind{"GlobalMaxPooling1D", &of<1, false, pool_all>},
    LayerKind{"GlobalMaxPooling2D", &of<2, false, pool_all>},
    LayerKind{"GlobalAveragePooling1D", &of<1, true, pool_all>},
    LayerKind{"GlobalAveragePooling2D", &of<2, true, pool_all>},
};

}  // namespace

std::span<const LayerKind> pooling_layers() { return kLayers; }

}  // namespace weir::model::keras

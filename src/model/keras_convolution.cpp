// SPDX-License-Identifier: Apache-2.0
// Convolutions. Keras' kernel is [space..., channels, filters], ONNX' is [filters, channels,
// space...].
#include <fmt/format.h>

#include <array>

#include "model/keras_spatial.h"

namespace weir::model::keras {
namespace {

/// [space..., a, b] as [b, a, space...].
Array filters_first(const Array& kernel) {
    const std::size_t rank = kernel.shape.size();
    const auto a = static_cast<std::size_t>(kernel.shape[rank - 2]);
    const auto b = static_cast<std::size_t>(kernel.shape[rank - 1]);
    const std::size_t space = a * b == 0 ? 0 : kernel.values.size() / (a * b);
    Array turned{.shape = {kernel.shape[rank - 1], kernel.shape[rank - 2]},
                 .values = std::vector<float>(kernel.values.size())};
    turned.shape.insert(turned.shape.end(), kernel.shape.begin(), kernel.shape.end() - 2);
    for (std::size_t s = 0; s < space; ++s)
        for (std::size_t i = 0; i < a; ++i)
            for (std::size_t j = 0; j < b; ++j)
                turned.values[(j * a + i) * space + s] = kernel.values[(s * a + i) * b + j];
    return turned;
}

Result<Windows> read_windows(LayerCall& call, const Spatial& x, std::string_view fallback_padding) {
    const std::size_t axes = x.space.size();
    Windows w{.size = call.config.sizes("kernel_size", axes, std::nullopt),
              .stride = call.config.sizes("strides", axes, 1),
              .dilation = call.config.sizes("dilation_rate", axes, 1)};
    const std::string padding = call.config.text("padding", fallback_padding);
    if (padding == "causal" && axes != 1) call.config.refuse("padding");
    if (auto r = place_windows(w, x.space, padding); !r) return pass_on(r);
    return w;
}

std::string add_convolution(LayerCall& call, const Value& x, const Windows& w,
                            const std::string& kernel, std::int64_t groups,
                            const std::optional<Array>& bias) {
    std::vector<std::string> inputs = {x.name, kernel};
    if (bias) inputs.push_back(call.graph.constant("bias", *bias));
    return call.graph.add("Conv", inputs,
                          {{"kernel_shape", w.size},
                           {"strides", w.stride},
                           {"dilations", w.dilation},
                           {"pads", w.pads},
                           {"group", groups}});
}

Result<std::optional<Array>> read_bias(LayerCall& call, std::size_t number, std::int64_t filters) {
    if (!call.config.flag("use_bias", true)) return std::nullopt;
    auto bias = call.weights.take("bias", number, {filters});
    if (!bias) return pass_on(bias);
    return std::move(*bias);
}

Result<Value> convolution(LayerCall& call, std::size_t dimensions) {
    auto x = spatial_input(call, dimensions);
    if (!x) return pass_on(x);
    auto w = read_windows(call, *x, "valid");
    if (!w) return pass_on(w);
    const std::int64_t filters = call.config.size("filters", std::nullopt);
    const std::int64_t groups = call.config.size("groups", 1);
    if (x->channels % groups != 0 || filters % groups != 0)
        return fail(Errc::Invalid, fmt::format("{} groups do not divide {} channels and {} filters",
                                               groups, x->channels, filters));
    Shape shape = w->size;
    shape.insert(shape.end(), {x->channels / groups, filters});
    auto kernel = call.weights.take("kernel", 0, shape);
    if (!kernel) return pass_on(kernel);
    auto bias = read_bias(call, 1, filters);
    if (!bias) return pass_on(bias);
    const std::string y = add_convolution(
        call, x->value, *w, call.graph.constant("kernel", filters_first(*kernel)), groups, *bias);
    return activate(call, spatial_output(*x, y, filters, w->count));
}

/// The kernel [space..., channels, multiplier] as that of as many groups as channels.
Result<std::string> read_depthwise_kernel(LayerCall& call, const Spatial& x, const Windows& w,
                                          std::int64_t multiplier) {
    Shape shape = w.size;
    shape.insert(shape.end(), {x.channels, multiplier});
    auto kernel = call.weights.take("depthwise_kernel", 0, shape);
    if (!kernel) return pass_on(kernel);
    // [space..., 1, channels * multiplier] are the same numbers.
    kernel->shape.end()[-1] = x.channels * multiplier;
    kernel->shape.end()[-2] = 1;
    return call.graph.constant("depthwise_kernel", filters_first(*kernel));
}

Result<Value> depthwise_convolution(LayerCall& call, std::size_t dimensions) {
    auto x = spatial_input(call, dimensions);
    if (!x) return pass_on(x);
    auto w = read_windows(call, *x, "valid");
    if (!w) return pass_on(w);
    const std::int64_t multiplier = call.config.size("depth_multiplier", 1);
    auto kernel = read_depthwise_kernel(call, *x, *w, multiplier);
    if (!kernel) return pass_on(kernel);
    const std::int64_t filters = x->channels * multiplier;
    auto bias = read_bias(call, 1, filters);
    if (!bias) return pass_on(bias);
    const std::string y = add_convolution(call, x->value, *w, *kernel, x->channels, *bias);
    return activate(call, spatial_output(*x, y, filters, w->count));
}

Result<Value> separable_convolution(LayerCall& call, std::size_t dimensions) {
    auto x = spatial_input(call, dimensions);
    if (!x) return pass_on(x);
    auto w = read_windows(call, *x, "valid");
    if (!w) return pass_on(w);
    const std::int64_t multiplier = call.config.size("depth_multiplier", 1);
    const std::int64_t filters = call.config.size("filters", std::nullopt);
    auto depthwise = read_depthwise_kernel(call, *x, *w, multiplier);
    if (!depthwise) return pass_on(depthwise);
    Shape shape(dimensions, 1);
    shape.insert(shape.end(), {x->channels * multiplier, filters});
    auto pointwise = call.weights.take("pointwise_kernel", 1, shape);
    if (!pointwise) return pass_on(pointwise);
    auto bias = read_bias(call, 2, filters);
    if (!bias) return pass_on(bias);
    Value y = x->value;
    y.name = add_convolution(call, x->value, *w, *depthwise, x->channels, std::nullopt);
    const Shape ones(dimensions, 1);
    const Windows points{.size = ones,
                         .stride = ones,
                         .dilation = ones,
                         .pads = std::vector<std::int64_t>(2 * dimensions, 0),
                         .count = w->count};
    y.name = add_convolution(call, y, points,
                             call.graph.constant("pointwise_kernel", filters_first(*pointwise)), 1,
                             *bias);
    return activate(call, spatial_output(*x, y.name, filters, w->count));
}

template <std::size_t Dimensions, Result<Value> (*Convert)(LayerCall&, std::size_t)>
Result<Value> on(LayerCall& call) {
    return Convert(call, Dimensions);
}

constexpr std::array kLayers = {
    LayerKind{"Conv1D", &on<1, convolution>},
    LayerKind{"Conv2D", &on<2, convolution>},
    LayerKind{"Convolution1D", &on<1, convolution>},
    LayerKind{"Convolution2D", &on<2, convolution>},
    LayerKind{"DepthwiseConv1D", &on<1, depthwise_convolution>},
    LayerKind{"DepthwiseConv2D", &on<2, depthwise_convolution>},
    LayerKind{"SeparableConv1D", &on<1, separable_convolution>},
    LayerKind{"SeparableConv2D", &on<2, separable_convolution>},
};

}  // namespace

std::span<const LayerKind> convolution_layers() { return kLayers; }

}  // namespace weir::model::keras

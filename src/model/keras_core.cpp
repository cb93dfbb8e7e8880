// SPDX-License-Identifier: Apache-2.0
// Dense, what gives numbers another shape or order, and what does nothing when a model predicts.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "model/keras_layer.h"

namespace weir::model::keras {
namespace {

Result<Value> unchanged(LayerCall& call) { return call.input(); }

Result<Value> dense(LayerCall& call) {
    const std::int64_t units = call.config.size("units", std::nullopt);
    const bool has_bias = call.config.flag("use_bias", true);
    const Value x = call.graph.in_order(call.input(), Order::Keras);
    if (x.shape.empty()) return fail(Errc::Invalid, "its input has no features");
    auto kernel = call.weights.take("kernel", 0, {x.shape.back(), units});
    if (!kernel) return pass_on(kernel);
    auto bias = has_bias ? call.weights.take("bias", 1, {units}) : Result<Array>(Array{});
    if (!bias) return pass_on(bias);
    Value y{.name = {}, .shape = x.shape};
    y.shape.back() = units;
    const std::string w = call.graph.constant("kernel", *kernel);
    if (has_bias && x.rank() == 2) {
        y.name = call.graph.add("Gemm", {x.name, w, call.graph.constant("bias", *bias)});
    } else {
        y.name = call.graph.add("MatMul", {x.name, w});
        if (has_bias) y.name = call.graph.add("Add", {y.name, call.graph.constant("bias", *bias)});
    }
    return activate(call, std::move(y));
}

Result<Value> flatten(LayerCall& call) {
    Value x = call.graph.in_order(call.input(), Order::Keras);
    const std::string format = call.config.text("data_format", "channels_last");
    if (format != "channels_last" && format != "channels_first") call.config.refuse("data_format");
    const auto values = shape_values(x.shape);
    if (!values) return fail(Errc::Invalid, "its input is too large");
    if (format == "channels_first" && x.rank() > 2) {  // Keras flattens with the channels last
        std::vector<std::int64_t> turn = {0};
        for (std::size_t axis = 2; axis < x.rank(); ++axis)
            turn.push_back(static_cast<std::int64_t>(axis));
        turn.push_back(1);
        x.name = call.graph.add("Transpose", {x.name}, {{"perm", turn}});
        std::ranges::rotate(x.shape, x.shape.begin() + 1);
    }
    return call.graph.reshaped(x, {*values});
}

Result<Value> reshape(LayerCall& call) {
    Shape target = call.config.integers("target_shape");
    const Value x = call.graph.in_order(call.input(), Order::Keras);
    const auto values = shape_values(x.shape);
    const auto no_fit = [&] {
        return fail(Errc::Invalid, fmt::format("{} does not fit into target_shape {}",
                                               shape_words(x.shape), shape_words(target)));
    };
    const auto open = std::ranges::find(target, -1);
    if (open != target.end()) {
        *open = 1;
        const auto rest = shape_values(target);
        *open = -1;
        if (!values || !rest || *rest == 0 || *values % *rest != 0) return no_fit();
        *open = *values / *rest;
    }
    if (!values || shape_values(target) != values) return no_fit();
    return call.graph.reshaped(x, target);
}

Result<Value> permute(LayerCall& call) {
    const auto dims = call.config.integers("dims");
    const Value x = call.graph.in_order(call.input(), Order::Keras);
    std::vector<std::int64_t> sorted = dims;
    std::ranges::sort(sorted);
    std::vector<std::int64_t> turn = {0};
    Value y{.name = {}, .shape = {}};
    for (std::size_t i = 0; i < sorted.size(); ++i)
        if (sorted.size() != x.shape.size() || sorted[i] != static_cast<std::int64_t>(i) + 1)
            return fail(Errc::Invalid, fmt::format("dims {} do not fit its input {}",
                                                   shape_words(dims), shape_words(x.shape)));
    for (const std::int64_t axis : dims) {
        turn.push_back(axis);
        y.shape.push_back(x.shape[static_cast<std::size_t>(axis) - 1]);
    }
    y.name = call.graph.add("Transpose", {x.name}, {{"perm", turn}});
    return y;
}

Result<Value> repeat_vector(LayerCall& call) {
    const std::int64_t n = call.config.size("n", std::nullopt);
    const Value x = call.graph.in_order(call.input(), Order::Keras);
    if (x.rank() != 2) return fail(Errc::Invalid, "its input is no vector");
    const Value one = call.graph.reshaped(x, {1, x.shape.front()});
    const std::array<std::int64_t, 3> repeats = {1, n, 1};
    return Value{
        .name = call.graph.add("Tile", {one.name, call.graph.integers("repeats", repeats)}),
        .shape = {n, x.shape.front()}};
}

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta, as x * scale + shift.
struct Normalization {
    std::vector<float> scale, shift;
};

Result<Normalization> read_normalization(LayerCall& call, std::int64_t channels) {
    const double epsilon = call.config.number("epsilon", 1e-3);
    const bool has_scale = call.config.flag("scale", true);
    const bool has_center = call.config.flag("center", true);
    std::size_t number = 0;
    Array gamma, beta;
    if (has_scale) {
        auto read = call.weights.take("gamma", number++, {channels});
        if (!read) return pass_on(read);
        gamma = std::move(*read);
    }
    if (has_center) {
        auto read = call.weights.take("beta", number++, {channels});
        if (!read) return pass_on(read);
        beta = std::move(*read);
    }
    auto mean = call.weights.take("moving_mean", number++, {channels});
    if (!mean) return pass_on(mean);
    auto variance = call.weights.take("moving_variance", number, {channels});
    if (!variance) return pass_on(variance);
    Normalization n;
    for (std::size_t i = 0; i < mean->values.size(); ++i) {
        const double spread = static_cast<double>(variance->values[i]) + epsilon;
        if (!(spread > 0))
            return fail(Errc::Invalid, "weight moving_variance: a variance is not positive");
        const double scale =
            (has_scale ? static_cast<double>(gamma.values[i]) : 1.0) / std::sqrt(spread);
        n.scale.push_back(static_cast<float>(scale));
        n.shift.push_back(
            static_cast<float>((has_center ? static_cast<double>(beta.values[i]) : 0.0) -
                               static_cast<double>(mean->values[i]) * scale));
    }
    return n;
}

Result<Value> batch_normalization(LayerCall& call) {
    Value x = call.input();
    const auto axes = call.config.integers("axis");
    if (axes.size() > 1) call.config.refuse("axis");
    const auto axis = axis_of(axes.empty() ? -1 : axes.front(), x.rank());
    if (!axis) return std::unexpected(axis.error());
    const std::int64_t channels = x.shape[*axis - 1];
    auto read = read_normalization(call, channels);
    if (!read) return pass_on(read);
    // Broadcast over the axes that lie behind the channels in memory.
    Shape shape(x.rank() - place_of(*axis, x.order, x.rank()), 1);
    shape.front() = channels;
    x.name = call.graph.add("Mul", {x.name, call.graph.constant("scale", shape, read->scale)});
    x.name = call.graph.add("Add", {x.name, call.graph.constant("shift", shape, read->shift)});
    return x;
}

constexpr std::array kLayers = {
    LayerKind{"Dense", &dense},
    LayerKind{"Flatten", &flatten},
    LayerKind{"Reshape", &reshape},
    LayerKind{"Permute", &permute},
    LayerKind{"RepeatVector", &repeat_vector},
    LayerKind{"BatchNormalization", &batch_normalization},
    LayerKind{"Dropout", &unchanged},
    LayerKind{"SpatialDropout1D", &unchanged},
    LayerKind{"SpatialDropout2D", &unchanged},
    LayerKind{"AlphaDropout", &unchanged},
    LayerKind{"GaussianDropout", &unchanged},
    LayerKind{"GaussianNoise", &unchanged},
    LayerKind{"ActivityRegularization", &unchanged},
};

}  // namespace

std::span<const LayerKind> core_layers() { return kLayers; }

Result<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
    const auto count = static_cast<std::int64_t>(rank);
    if (axis < -count || axis >= count)
        return fail(Errc::Invalid, fmt::format("axis {}: its input has {} axes", axis, count));
    if (axis == 0 || axis == -count)
        return fail(Errc::Unsupported, fmt::format("weir does not do axis = {} (samples)", axis));
    return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

}  // namespace weir::model::keras

// SPDX-License-Identifier: Apache-2.0
// Activation functions, by name and as layers.
// Source: keras/src/activations/activations.py; Keras 2: keras/activations.py, keras/backend.py.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "model/keras_layer.h"

namespace weir::model::keras {
namespace {

using PlainFunction = std::pair<std::string_view, std::string_view>;  // of Keras, of ONNX

// Functions that are one operator of ONNX with its defaults.
constexpr std::array kPlainFunctions = {
    PlainFunction{"relu", "Relu"},
    PlainFunction{"sigmoid", "Sigmoid"},
    PlainFunction{"tanh", "Tanh"},
    PlainFunction{"elu", "Elu"},
    PlainFunction{"selu", "Selu"},
    PlainFunction{"softplus", "Softplus"},
    PlainFunction{"softsign", "Softsign"},
    PlainFunction{"exponential", "Exp"},
    PlainFunction{"celu", "Celu"},
    PlainFunction{"hard_silu", "HardSwish"},
    PlainFunction{"hard_swish", "HardSwish"},
};

constexpr double kLeakOfFunction = 0.2;
constexpr double kLeakOfLayer = 0.3;

std::string hard_sigmoid(LayerCall& call, const std::string& x) {
    const float slope = call.keras >= 3 ? 1.0F / 6 : 0.2F;
    return call.graph.add("HardSigmoid", {x}, {{"alpha", slope}, {"beta", 0.5F}});
}

std::string gelu(LayerCall& call, const std::string& x) {
    OnnxGraph& graph = call.graph;
    const auto root = static_cast<float>(std::numbers::sqrt2);
    const std::string scaled = graph.add("Div", {x, graph.scalar("root", root)});
    const std::string one_more =
        graph.add("Add", {graph.add("Erf", {scaled}), graph.scalar("one", 1)});
    return graph.add("Mul", {graph.add("Mul", {x, one_more}), graph.scalar("half", 0.5F)});
}

std::string silu(LayerCall& call, const std::string& x) {
    return call.graph.add("Mul", {x, call.graph.add("Sigmoid", {x})});
}

std::string mish(LayerCall& call, const std::string& x) {
    return call.graph.add("Mul", {x, call.graph.add("Tanh", {call.graph.add("Softplus", {x})})});
}

std::string relu6(LayerCall& call, const std::string& x) {
    return call.graph.add("Clip", {x, call.graph.scalar("min", 0), call.graph.scalar("max", 6)});
}

std::string leaky_relu(LayerCall& call, const std::string& x) {
    return call.graph.add("LeakyRelu", {x}, {{"alpha", static_cast<float>(kLeakOfFunction)}});
}

std::string nothing(LayerCall& /*call*/, const std::string& x) { return x; }

using MadeFunction =
    std::pair<std::string_view, std::string (*)(LayerCall& call, const std::string& x)>;

constexpr std::array kMadeFunctions = {
    MadeFunction{"linear", &nothing}, MadeFunction{"hard_sigmoid", &hard_sigmoid},
    MadeFunction{"gelu", &gelu},      MadeFunction{"silu", &silu},
    MadeFunction{"swish", &silu},     MadeFunction{"mish", &mish},
    MadeFunction{"relu6", &relu6},    MadeFunction{"leaky_relu", &leaky_relu},
};

Value softmax_on(LayerCall& call, Value x, std::string_view op, std::size_t axis) {
    const auto place = static_cast<std::int64_t>(place_of(axis, x.order, x.rank()));
    x.name = call.graph.add(op, {x.name}, {{"axis", place}});
    return x;
}

Result<Value> apply_function(LayerCall& call, Value x, std::string_view name) {
    for (const auto& [known, op] : kPlainFunctions) {
        if (known != name) continue;
        x.name = call.graph.add(op, {x.name});
        return x;
    }
    for (const auto& [known, make] : kMadeFunctions) {
        if (known != name) continue;
        x.name = make(call, x.name);
        return x;
    }
    const std::size_t last = x.rank() - 1;
    if (last > 0 && name == "softmax") return softmax_on(call, std::move(x), "Softmax", last);
    if (last > 0 && name == "log_softmax")
        return softmax_on(call, std::move(x), "LogSoftmax", last);
    return fail(Errc::Unsupported, fmt::format("weir does not know the activation {}", name));
}

Result<Value> activation(LayerCall& call) { return activate(call, call.input()); }

/// x above the threshold, slope * (x - threshold) below.
std::string above_threshold(LayerCall& call, const std::string& x, float slope, float threshold) {
    OnnxGraph& graph = call.graph;
    const std::string t = graph.scalar("threshold", threshold);
    const std::string below =
        graph.add("Mul", {graph.add("Sub", {x, t}), graph.scalar("slope", slope)});
    return graph.add("Where", {graph.add("Greater", {x, t}), x, below});
}

Result<Value> relu_layer(LayerCall& call) {
    const auto most = call.config.optional_number("max_value");
    const double slope = call.config.number("negative_slope", 0);
    const double threshold = call.config.number("threshold", 0);
    if (slope < 0) call.config.refuse("negative_slope");
    if (threshold < 0) call.config.refuse("threshold");
    if (most && *most < threshold) call.config.refuse("max_value");
    Value x = call.input();
    if (threshold != 0) {
        x.name =
            above_threshold(call, x.name, static_cast<float>(slope), static_cast<float>(threshold));
    } else if (slope != 0) {
        x.name = call.graph.add("LeakyRelu", {x.name}, {{"alpha", static_cast<float>(slope)}});
    } else {
        x.name = call.graph.add("Relu", {x.name});
    }
    if (most)
        x.name = call.graph.add(
            "Min", {x.name, call.graph.scalar("max_value", static_cast<float>(*most))});
    return x;
}

Result<Value> leaky_relu_layer(LayerCall& call) {
    const auto old_word = call.config.optional_number("alpha");  // Keras 2
    const double slope = call.config.number("negative_slope", old_word.value_or(kLeakOfLayer));
    Value x = call.input();
    x.name = call.graph.add("LeakyRelu", {x.name}, {{"alpha", static_cast<float>(slope)}});
    return x;
}

Result<Value> elu_layer(LayerCall& call) {
    const double alpha = call.config.number("alpha", 1);
    Value x = call.input();
    x.name = call.graph.add("Elu", {x.name}, {{"alpha", static_cast<float>(alpha)}});
    return x;
}

Result<Value> thresholded_relu_layer(LayerCall& call) {
    const double theta = call.config.number("theta", 1);
    Value x = call.input();
    x.name = call.graph.add("ThresholdedRelu", {x.name}, {{"alpha", static_cast<float>(theta)}});
    return x;
}

Result<Value> softmax_layer(LayerCall& call) {
    const auto axes = call.config.integers("axis");
    if (axes.size() > 1) call.config.refuse("axis");
    const auto axis = axis_of(axes.empty() ? -1 : axes.front(), call.input().rank());
    if (!axis) return std::unexpected(axis.error());
    return softmax_on(call, call.input(), "Softmax", *axis);
}

Result<Value> prelu_layer(LayerCall& call) {
    const auto shared = call.config.integers("shared_axes");
    Value x = call.graph.in_order(call.input(), Order::Keras);
    Shape slopes = x.shape;
    for (const std::int64_t each : shared) {
        const auto axis = axis_of(each, x.rank());
        if (!axis) return std::unexpected(axis.error());
        slopes[*axis - 1] = 1;
    }
    auto alpha = call.weights.take("alpha", 0, slopes);
    if (!alpha) return pass_on(alpha);
    x.name = call.graph.add("PRelu", {x.name, call.graph.constant("alpha", *alpha)});
    return x;
}

constexpr std::array kLayers = {
    LayerKind{"Activation", &activation},
    LayerKind{"ReLU", &relu_layer},
    LayerKind{"LeakyReLU", &leaky_relu_layer},
    LayerKind{"ELU", &elu_layer},
    LayerKind{"ThresholdedReLU", &thresholded_relu_layer},
    LayerKind{"Softmax", &softmax_layer},
    LayerKind{"PReLU", &prelu_layer},
};

/// A layer that stands where a function's name stands: activation=LeakyReLU(0.1).
Result<Value> apply_layer(LayerCall& call, Value x, const Json& layer) {
    const std::string kind = text_member(layer, "class_name");
    const auto found = std::ranges::find(kLayers, kind, &LayerKind::kind);
    const Json* options = member(layer, "config");
    // One with weights, or an activation in an activation, is nothing that Keras' own layers take.
    if (found == kLayers.end() || options == nullptr || kind == "PReLU" || kind == "Activation")
        return fail(Errc::Unsupported,
                    fmt::format("weir does not know the activation {}", excerpt(layer)));
    Config config(*options);
    LayerCall inner{.kind = found->kind,
                    .keras = call.keras,
                    .config = config,
                    .weights = call.weights,
                    .graph = call.graph,
                    .inputs = {std::move(x)}};
    auto y = found->convert(inner);
    if (auto r = config.error(); !r) return wrap(r, fmt::format("activation {}", kind));
    if (auto r = config.unknown_option(); !r) return wrap(r, fmt::format("activation {}", kind));
    return y;
}

}  // namespace

std::span<const LayerKind> activation_layers() { return kLayers; }

Result<Value> activate(LayerCall& call, Value value, std::string_view key) {
    const Json* function = call.config.any(key);
    if (function == nullptr) return value;
    if (function->is_string())
        return apply_function(call, std::move(value), function->get_ref<const std::string&>());
    // Keras 3 may write a function as {"class_name": "function", "config": "relu"}.
    const std::string name = text_member(*function, "config");
    if (!name.empty()) return apply_function(call, std::move(value), name);
    return apply_layer(call, std::move(value), *function);
}

}  // namespace weir::model::keras

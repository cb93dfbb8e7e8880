// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and SimpleRNN. Keras has the gates side by side in the last axis of a kernel, ONNX one
// below the other and, for LSTM, in another order.
// Source: keras/src/layers/rnn/{lstm,gru,simple_rnn}.py; ONNX operators LSTM-14, GRU-14, RNN-14.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/keras_layer.h"

namespace weir::model::keras {
namespace {

struct Recurrent {
    std::string_view op;
    std::vector<std::size_t> gates;  ///< for each gate of ONNX: which one of Keras it is
};

struct OnnxFunction {
    std::string_view name;  ///< in Keras
    std::string op;
    std::optional<float> alpha = {}, beta = {};  ///< only of those that take one
};

/// What ONNX Runtime has within a recurrent operator.
Result<OnnxFunction> read_function(LayerCall& call, std::string_view key,
                                   std::string_view fallback) {
    const float slope = call.keras >= 3 ? 1.0F / 6 : 0.2F;
    const std::array functions = {
        OnnxFunction{.name = "tanh", .op = "Tanh"},
        OnnxFunction{.name = "sigmoid", .op = "Sigmoid"},
        OnnxFunction{.name = "relu", .op = "Relu"},
        OnnxFunction{.name = "softsign", .op = "Softsign"},
        OnnxFunction{.name = "softplus", .op = "Softplus"},
        OnnxFunction{.name = "elu", .op = "Elu", .alpha = 1.0F},
        OnnxFunction{.name = "linear", .op = "Affine", .alpha = 1.0F, .beta = 0.0F},
        OnnxFunction{.name = "hard_sigmoid", .op = "HardSigmoid", .alpha = slope, .beta = 0.5F},
    };
    const std::string name = call.config.text(key, fallback);
    const auto* const found = std::ranges::find(functions, name, &OnnxFunction::name);
    if (found == functions.end())
        return fail(Errc::Unsupported, fmt::format("weir does not know the {} {}", key, name));
    return *found;
}

/// [rows, gates * units] of Keras, columns side by side, as [gates * units, rows] of ONNX.
void append_gates(std::vector<float>& to, const Array& kernel,
                  const std::vector<std::size_t>& gates, std::size_t units) {
    const std::size_t columns = gates.size() * units;
    const std::size_t rows = kernel.values.size() / columns;
    for (const std::size_t gate : gates)
        for (std::size_t unit = 0; unit < units; ++unit)
            for (std::size_t row = 0; row < rows; ++row)
                to.push_back(kernel.values[row * columns + gate * units + unit]);
}

struct Options {
    std::int64_t units = 1;
    bool has_bias = true, has_two_biases = false, returns_sequences = false, is_backwards = false;
};

Options read_options(LayerCall& call) {
    Options o{.units = call.config.size("units", std::nullopt),
              .has_bias = call.config.flag("use_bias", true),
              .returns_sequences = call.config.flag("return_sequences", false),
              .is_backwards = call.config.flag("go_backwards", false)};
    for (const char* key : {"return_state", "stateful", "time_major"})
        if (call.config.flag(key, false)) call.config.refuse(key);
    return o;
}

struct Kernels {
    std::string w, r, b;
};

Result<Kernels> read_kernels(LayerCall& call, const Recurrent& kind, const Options& o,
                             std::int64_t features) {
    const auto gates = static_cast<std::int64_t>(kind.gates.size());
    const auto units = static_cast<std::size_t>(o.units);
    auto kernel = call.weights.take("kernel", 0, {features, gates * o.units}, "cell");
    if (!kernel) return pass_on(kernel);
    auto recurrent = call.weights.take("recurrent_kernel", 1, {o.units, gates * o.units}, "cell");
    if (!recurrent) return pass_on(recurrent);
    std::vector<float> w, r, b;
    append_gates(w, *kernel, kind.gates, units);
    append_gates(r, *recurrent, kind.gates, units);
    Kernels names{.w = call.graph.constant("W", {1, gates * o.units, features}, w),
                  .r = call.graph.constant("R", {1, gates * o.units, o.units}, r),
                  .b = {}};
    if (!o.has_bias) return names;
    Shape shape = {gates * o.units};
    if (o.has_two_biases) shape.insert(shape.begin(), 2);
    auto bias = call.weights.take("bias", 2, shape, "cell");
    if (!bias) return pass_on(bias);
    const std::size_t half = kind.gates.size() * units;
    Array one{.shape = {gates * o.units}, .values = std::vector<float>(half)};
    for (std::size_t i = 0; i < 2; ++i) {  // the second is the recurrent one, where there is one
        if (i == 0 || o.has_two_biases)
            std::ranges::copy_n(bias->values.begin() + static_cast<std::ptrdiff_t>(i * half),
                                static_cast<std::ptrdiff_t>(half), one.values.begin());
        else
            std::ranges::fill(one.values, 0.0F);
        append_gates(b, one, kind.gates, units);
    }
    names.b = call.graph.constant("B", {1, 2 * gates * o.units}, b);
    return names;
}

/// The time axis, which lies first in memory, from its end to its start.
std::string reversed(OnnxGraph& graph, const std::string& x) {
    const std::array<std::int64_t, 1> start = {-1};
    const std::array<std::int64_t, 1> end = {INT64_MIN};
    const std::array<std::int64_t, 1> axis = {0};
    return graph.add("Slice", {x, graph.integers("start", start), graph.integers("end", end),
                               graph.integers("axis", axis), graph.integers("step", start)});
}

struct Functions {
    std::vector<std::string> names;
    std::vector<float> alphas, betas;

    void append(const OnnxFunction& f) {
        names.push_back(f.op);
        if (f.alpha) alphas.push_back(*f.alpha);
        if (f.beta) betas.push_back(*f.beta);
    }
};

Result<Value> recurrent(LayerCall& call, const Recurrent& kind, const Options& o,
                        const Functions& functions) {
    if (call.input().rank() != 3)
        return fail(Errc::Invalid, fmt::format("its input is {}, it needs [time, features]",
                                               shape_words(call.input().shape)));
    if (call.inputs.size() > 1) return fail(Errc::Unsupported, "weir does not do initial states");
    Value x = call.graph.in_order(call.input(), Order::TimeFirst);
    auto kernels = read_kernels(call, kind, o, x.shape.back());
    if (!kernels) return pass_on(kernels);
    if (o.is_backwards) x.name = reversed(call.graph, x.name);
    std::vector<Attribute> attributes = {{"hidden_size", o.units},
                                         {"activations", functions.names}};
    if (!functions.alphas.empty()) attributes.emplace_back("activation_alpha", functions.alphas);
    if (!functions.betas.empty()) attributes.emplace_back("activation_beta", functions.betas);
    if (kind.op == "GRU")
        attributes.emplace_back("linear_before_reset", std::int64_t{o.has_two_biases ? 1 : 0});
    // Y [time, 1, samples, units]; Y_h [1, samples, units], the last of them.
    const auto outputs = call.graph.add_many(
        kind.op, {x.name, kernels->w, kernels->r, kernels->b},
        {o.returns_sequences ? "Y" : "", o.returns_sequences ? "" : "Y_h"}, Attributes(attributes));
    const std::array<std::int64_t, 1> direction = {o.returns_sequences ? 1 : 0};
    const std::string axis = call.graph.integers("direction", direction);
    if (!o.returns_sequences)
        return Value{.name = call.graph.add("Squeeze", {outputs[1], axis}), .shape = {o.units}};
    return Value{.name = call.graph.add("Squeeze", {outputs[0], axis}),
                 .shape = {x.shape.front(), o.units},
                 .order = Order::TimeFirst};
}

Result<Value> lstm(LayerCall& call) {
    // ONNX: input, output, forget, cell; Keras: input, forget, cell, output.
    const Recurrent kind{.op = "LSTM", .gates = {0, 3, 1, 2}};
    const Options options = read_options(call);
    auto function = read_function(call, "activation", "tanh");
    if (!function) return pass_on(function);
    auto gate = read_function(call, "recurrent_activation", "sigmoid");
    if (!gate) return pass_on(gate);
    Functions functions;
    for (const OnnxFunction& f : {*gate, *function, *function}) functions.append(f);
    return recurrent(call, kind, options, functions);
}

Result<Value> gru(LayerCall& call) {
    const Recurrent kind{.op = "GRU", .gates = {0, 1, 2}};  // update, reset, hidden in both
    Options options = read_options(call);
    // Before Keras 2.2 there was no such option, and the reset came before.
    options.has_two_biases = call.config.flag("reset_after", false);
    auto function = read_function(call, "activation", "tanh");
    if (!function) return pass_on(function);
    auto gate = read_function(call, "recurrent_activation", "sigmoid");
    if (!gate) return pass_on(gate);
    Functions functions;
    for (const OnnxFunction& f : {*gate, *function}) functions.append(f);
    return recurrent(call, kind, options, functions);
}

Result<Value> simple_rnn(LayerCall& call) {
    const Recurrent kind{.op = "RNN", .gates = {0}};
    const Options options = read_options(call);
    auto function = read_function(call, "activation", "tanh");
    if (!function) return pass_on(function);
    Functions functions;
    functions.append(*function);
    return recurrent(call, kind, options, functions);
}

constexpr std::array kLayers = {
    LayerKind{"LSTM", &lstm},
    LayerKind{"GRU", &gru},
    LayerKind{"SimpleRNN", &simple_rnn},
};

}  // namespace

std::span<const LayerKind> recurrent_layers() { return kLayers; }

}  // namespace weir::model::keras

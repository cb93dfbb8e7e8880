// SPDX-License-Identifier: Apache-2.0
// Layers that make one value of several.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/keras_layer.h"

namespace weir::model::keras {
namespace {

/// All in one order: the one they have, or Keras'.
std::vector<Value> in_one_order(LayerCall& call) {
    const Order first = call.input().order;
    const bool is_one = std::ranges::all_of(
        call.inputs, [&](const Value& v) { return v.order == first && v.rank() > 2; });
    std::vector<Value> all;
    all.reserve(call.inputs.size());
    for (const Value& v : call.inputs)
        all.push_back(call.graph.in_order(v, is_one ? first : Order::Keras));
    return all;
}

/// The shape of all after broadcasting. Errors: Invalid.
Result<Shape> common_shape(const std::vector<Value>& all) {
    Shape shape = all.front().shape;
    for (const Value& v : all) {
        bool fits = v.shape.size() == shape.size();
        for (std::size_t i = 0; fits && i < shape.size(); ++i) {
            fits = v.shape[i] == shape[i] || v.shape[i] == 1 || shape[i] == 1;
            shape[i] = std::max(shape[i], v.shape[i]);
        }
        if (!fits)
            return fail(Errc::Invalid, fmt::format("{} and {} do not fit", shape_words(shape),
                                                   shape_words(v.shape)));
    }
    return shape;
}

Result<Value> merge(LayerCall& call, std::string_view op) {
    if (call.inputs.size() < 2) return fail(Errc::Invalid, "it has less than two inputs");
    const std::vector<Value> all = in_one_order(call);
    auto shape = common_shape(all);
    if (!shape) return pass_on(shape);
    const bool takes_many = op != "Sub" && op != "Mul";
    if (!takes_many && op == "Sub" && all.size() != 2)
        return fail(Errc::Invalid, "it has more than two inputs");
    Value y{.name = all.front().name, .shape = std::move(*shape), .order = all.front().order};
    if (takes_many) {
        std::vector<std::string> names;
        names.reserve(all.size());
        for (const Value& v : all) names.push_back(v.name);
        y.name = call.graph.add(op, names);
    } else {
        for (std::size_t i = 1; i < all.size(); ++i)
            y.name = call.graph.add(op, {y.name, all[i].name});
    }
    return y;
}

Result<Value> add(LayerCall& call) { return merge(call, "Sum"); }
Result<Value> subtract(LayerCall& call) { return merge(call, "Sub"); }
Result<Value> multiply(LayerCall& call) { return merge(call, "Mul"); }
Result<Value> average(LayerCall& call) { return merge(call, "Mean"); }
Result<Value> maximum(LayerCall& call) { return merge(call, "Max"); }
Result<Value> minimum(LayerCall& call) { return merge(call, "Min"); }

Result<Value> concatenate(LayerCall& call) {
    const auto axes = call.config.integers("axis");
    if (axes.size() > 1) call.config.refuse("axis");
    const std::vector<Value> all = in_one_order(call);
    const Value& first = all.front();
    const auto axis = axis_of(axes.empty() ? -1 : axes.front(), first.rank());
    if (!axis) return std::unexpected(axis.error());
    Shape shape = first.shape;
    shape[*axis - 1] = 0;
    std::vector<std::string> names;
    for (const Value& v : all) {
        Shape other = v.shape;
        if (other.size() == shape.size()) other[*axis - 1] = shape[*axis - 1];
        if (other != shape)
            return fail(Errc::Invalid, fmt::format("{} and {} do not fit", shape_words(first.shape),
                                                   shape_words(v.shape)));
        shape[*axis - 1] += v.shape[*axis - 1];
        names.push_back(v.name);
    }
    const auto place = static_cast<std::int64_t>(place_of(*axis, first.order, first.rank()));
    return Value{.name = call.graph.add("Concat", names, {{"axis", place}}),
                 .shape = std::move(shape),
                 .order = first.order};
}

constexpr std::array kLayers = {
    LayerKind{"Add", &add},
    LayerKind{"Subtract", &subtract},
    LayerKind{"Multiply", &multiply},
    LayerKind{"Average", &average},
    LayerKind{"Maximum", &maximum},
    LayerKind{"Minimum", &minimum},
    LayerKind{"Concatenate", &concatenate},
};

}  // namespace

std::span<const LayerKind> merge_layers() { return kLayers; }

}  // namespace weir::model::keras

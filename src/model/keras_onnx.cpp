// SPDX-License-Identifier: Apache-2.0
#include "model/keras_onnx.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <bit>

namespace weir::model::keras {
namespace {

// What ONNX Runtime 1.15 and ONNX 1.12 know both.
constexpr std::int64_t kOpset = 17;
constexpr std::int64_t kIrVersion = 8;
constexpr const char* kSamples = "samples";

static_assert(std::endian::native == std::endian::little, "ONNX holds numbers low byte first");

void set_attribute(onnx::AttributeProto& to, const Attribute& from) {
    to.set_name(std::string(from.first));
    struct Setter {
        onnx::AttributeProto& to;
        void operator()(std::int64_t v) const {
            to.set_type(onnx::AttributeProto::INT);
            to.set_i(v);
        }
        void operator()(float v) const {
            to.set_type(onnx::AttributeProto::FLOAT);
            to.set_f(v);
        }
        void operator()(const std::string& v) const {
            to.set_type(onnx::AttributeProto::STRING);
            to.set_s(v);
        }
        void operator()(const std::vector<std::int64_t>& all) const {
            to.set_type(onnx::AttributeProto::INTS);
            for (const std::int64_t v : all) to.add_ints(v);
        }
        void operator()(const std::vector<float>& all) const {
            to.set_type(onnx::AttributeProto::FLOATS);
            for (const float v : all) to.add_floats(v);
        }
        void operator()(const std::vector<std::string>& all) const {
            to.set_type(onnx::AttributeProto::STRINGS);
            for (const std::string& v : all) to.add_strings(v);
        }
    };
    std::visit(Setter{to}, from.second);
}

void describe(onnx::ValueInfoProto& info, std::string_view name, const Shape& shape) {
    info.set_name(std::string(name));
    auto* type = info.mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param(kSamples);
    for (const std::int64_t size : shape) type->mutable_shape()->add_dim()->set_dim_value(size);
}

/// The axes of Keras in the order in which they lie in memory.
std::vector<std::size_t> axes_in_memory(Order order, std::size_t rank) {
    std::vector<std::size_t> axes(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) axes[place_of(axis, order, rank)] = axis;
    return axes;
}

/// Does turning move nothing but axes of size 1? Then it is another shape of the same numbers.
bool is_only_reshape(const Value& value, const std::vector<std::size_t>& from,
                     const std::vector<std::size_t>& to) {
    if (from.front() != 0 || to.front() != 0) return false;
    const auto is_wide = [&](std::size_t axis) { return axis != 0 && value.shape[axis - 1] != 1; };
    std::vector<std::size_t> a, b;
    std::ranges::copy_if(from, std::back_inserter(a), is_wide);
    std::ranges::copy_if(to, std::back_inserter(b), is_wide);
    return a == b;
}

}  // namespace

std::size_t place_of(std::size_t axis, Order order, std::size_t rank) {
    if (order == Order::ChannelsFirst && axis != 0) return axis == rank - 1 ? 1 : axis + 1;
    if (order == Order::TimeFirst && axis < 2) return 1 - axis;
    return axis;
}

OnnxGraph::OnnxGraph() : model_(std::make_unique<onnx::ModelProto>()) {
    model_->set_ir_version(kIrVersion);
    model_->set_producer_name("weir");
    model_->add_opset_import()->set_version(kOpset);
    model_->mutable_graph()->set_name("keras");
}

OnnxGraph::~OnnxGraph() = default;

std::string OnnxGraph::unique(std::string_view name) {
    std::string text(name);
    // Until nobody has it: "a_1" may be a layer's own name.
    while (names_.contains(text)) text = fmt::format("{}_{}", name, ++names_.find(name)->second);
    names_.emplace(text, 0);
    return text;
}

Value OnnxGraph::input(std::string_view name, const Shape& shape) {
    Value value{.name = unique(name), .shape = shape};
    describe(*model_->mutable_graph()->add_input(), value.name, shape);
    return value;
}

void OnnxGraph::output(const Value& value, std::string_view name) {
    const Value as_keras = in_order(value, Order::Keras);
    const std::string own = unique(name);
    auto& node = *model_->mutable_graph()->add_node();
    node.set_op_type("Identity");
    node.set_name(own);
    node.add_input(as_keras.name);
    node.add_output(own);
    describe(*model_->mutable_graph()->add_output(), own, as_keras.shape);
}

std::vector<std::string> OnnxGraph::add_many(std::string_view kind,
                                             std::initializer_list<std::string> inputs,
                                             std::initializer_list<std::string_view> outputs,
                                             const Attributes& attributes) {
    auto& node = *model_->mutable_graph()->add_node();
    node.set_op_type(std::string(kind));
    node.set_name(unique(fmt::format("{}/{}", layer_, kind)));
    for (const std::string& name : inputs) node.add_input(name);
    for (const auto& attribute : attributes.all()) set_attribute(*node.add_attribute(), attribute);
    std::vector<std::string> names;
    for (const std::string_view output : outputs) {
        names.push_back(output.empty() ? "" : unique(fmt::format("{}/{}", node.name(), output)));
        node.add_output(names.back());
    }
    return names;
}

std::string OnnxGraph::add(std::string_view kind, std::span<const std::string> inputs,
                           const Attributes& attributes) {
    auto& node = *model_->mutable_graph()->add_node();
    node.set_op_type(std::string(kind));
    node.set_name(unique(fmt::format("{}/{}", layer_, kind)));
    for (const std::string& name : inputs) node.add_input(name);
    for (const auto& attribute : attributes.all()) set_attribute(*node.add_attribute(), attribute);
    node.add_output(node.name());
    return node.name();
}

std::string OnnxGraph::constant(std::string_view name, const Shape& shape,
                                std::span<const float> values) {
    auto& tensor = *model_->mutable_graph()->add_initializer();
    tensor.set_name(unique(fmt::format("{}/{}", layer_, name)));
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t size : shape) tensor.add_dims(size);
    tensor.set_raw_data(values.data(), values.size_bytes());
    return tensor.name();
}

std::string OnnxGraph::scalar(std::string_view name, float value) {
    return constant(name, {}, std::span(&value, 1));
}

std::string OnnxGraph::integers(std::string_view name, std::span<const std::int64_t> values) {
    auto& tensor = *model_->mutable_graph()->add_initializer();
    tensor.set_name(unique(fmt::format("{}/{}", layer_, name)));
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(values.size()));
    tensor.set_raw_data(values.data(), values.size_bytes());
    return tensor.name();
}

Value OnnxGraph::in_order(const Value& value, Order order) {
    const auto from = axes_in_memory(value.order, value.rank());
    const auto to = axes_in_memory(order, value.rank());
    Value turned{.name = value.name, .shape = value.shape, .order = order};
    if (from == to) return turned;
    const auto [known, is_new] = turned_.try_emplace({value.name, order});
    if (!is_new) {
        turned.name = known->second;
        return turned;
    }
    if (is_only_reshape(value, from, to)) {
        Shape sizes{0};  // 0: as many samples as there are
        for (const std::size_t axis : to)
            if (axis != 0) sizes.push_back(value.shape[axis - 1]);
        turned.name = add("Reshape", {value.name, integers("shape", sizes)});
    } else {
        std::vector<std::int64_t> permutation;
        permutation.reserve(to.size());
        for (const std::size_t axis : to)
            permutation.push_back(
                static_cast<std::int64_t>(place_of(axis, value.order, value.rank())));
        turned.name = add("Transpose", {value.name}, {{"perm", permutation}});
    }
    known->second = turned.name;
    return turned;
}

Value OnnxGraph::reshaped(const Value& value, Shape shape) {
    if (value.shape == shape) return value;
    Shape sizes{0};
    sizes.insert(sizes.end(), shape.begin(), shape.end());
    return {.name = add("Reshape", {value.name, integers("shape", sizes)}),
            .shape = std::move(shape)};
}

std::string OnnxGraph::bytes() const { return model_->SerializeAsString(); }

}  // namespace weir::model::keras

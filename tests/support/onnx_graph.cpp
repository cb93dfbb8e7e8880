// SPDX-License-Identifier: Apache-2.0
#include "support/onnx_graph.h"

#include <cctype>

namespace weir::test {
namespace {

void describe(onnx::ValueInfoProto& value, const std::string& name, const Dimensions& dimensions,
              int type) {
    value.set_name(name);
    onnx::TypeProto_Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (const std::string& dimension : dimensions) {
        auto& made = *tensor.mutable_shape()->add_dim();
        if (std::isdigit(static_cast<unsigned char>(dimension.front())) != 0)
            made.set_dim_value(std::stoll(dimension));
        else
            made.set_dim_param(dimension);
    }
}

}  // namespace

OnnxGraph::OnnxGraph() {
    model.set_ir_version(8);
    model.set_producer_name("a test");
    model.mutable_graph()->set_name("graph");
    model.add_opset_import()->set_version(13);
}

void OnnxGraph::input(const std::string& name, const Dimensions& dimensions, int type) {
    describe(*model.mutable_graph()->add_input(), name, dimensions, type);
}

void OnnxGraph::output(const std::string& name, const Dimensions& dimensions, int type) {
    describe(*model.mutable_graph()->add_output(), name, dimensions, type);
}

onnx::NodeProto& OnnxGraph::node(const std::string& op, const std::vector<std::string>& inputs,
                                 const std::string& output) {
    onnx::NodeProto& made = *model.mutable_graph()->add_node();
    made.set_op_type(op);
    made.set_name("the " + op);
    for (const std::string& input : inputs) made.add_input(input);
    made.add_output(output);
    return made;
}

onnx::TensorProto& OnnxGraph::weights(const std::string& name,
                                      const std::vector<std::int64_t>& dimensions,
                                      const std::vector<float>& values) {
    onnx::TensorProto& made = *model.mutable_graph()->add_initializer();
    made.set_name(name);
    made.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t dimension : dimensions) made.add_dims(dimension);
    for (const float value : values) made.add_float_data(value);
    return made;
}

OnnxGraph perceptron() {
    std::vector<float> weights;
    for (int i = 1; i <= 110; ++i) weights.push_back(0.01F * static_cast<float>(i));
    OnnxGraph graph;
    graph.input("x", {"samples", "10", "11", "1"});
    graph.weights("w", {110, 1}, weights);
    graph.weights("b", {1}, {-0.5F});
    graph.node("Flatten", {"x"}, "flat");
    graph.node("Gemm", {"flat", "w", "b"}, "sum");
    graph.node("Sigmoid", {"sum"}, "y");
    graph.output("y", {"samples", "1"});
    return graph;
}

}  // namespace weir::test

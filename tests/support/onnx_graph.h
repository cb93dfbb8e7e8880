// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small ONNX models, put together node by node.
//
//     test::OnnxGraph graph;
//     graph.input("x", {"samples", "3"});
//     graph.weights("w", {3, 1}, {1, 2, 3});
//     graph.node("MatMul", {"x", "w"}, "y");
//     graph.output("y", {"samples", "1"});
//     auto runner = model::Runner::from_onnx(graph.bytes(), {});
//
// Ownership: a plain value. One thread.
#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace weir::test {

/// Of a value: numbers, or names of open dimensions.
using Dimensions = std::vector<std::string>;

class OnnxGraph {
public:
    OnnxGraph();
    void input(const std::string& name, const Dimensions& dimensions,
               int type = onnx::TensorProto::FLOAT);
    void output(const std::string& name, const Dimensions& dimensions,
                int type = onnx::TensorProto::FLOAT);
    onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                          const std::string& output);
    onnx::TensorProto& weights(const std::string& name, const std::vector<std::int64_t>& dimensions,
                               const std::vector<float>& values);
    [[nodiscard]] std::string bytes() const { return model.SerializeAsString(); }

    onnx::ModelProto model;
};

/// sigmoid(flatten(x) w + b), x [samples, 10, 11, 1]: weights 0.01, 0.02, ... and -0.5.
[[nodiscard]] OnnxGraph perceptron();

}  // namespace weir::test

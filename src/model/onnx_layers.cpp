// SPDX-License-Identifier: Apache-2.0
#include "model/onnx_layers.h"

#include <onnx/onnx_pb.h>

#include <map>
#include <set>

#include "model/onnxruntime.h"

namespace weir::model {
namespace {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

std::map<std::string, std::uint64_t> weights_by_name(const onnx::GraphProto& graph) {
    std::map<std::string, std::uint64_t> weights;
    for (const auto& tensor : graph.initializer()) {
        std::uint64_t values = 1;
        for (const std::int64_t dimension : tensor.dims())
            values *= static_cast<std::uint64_t>(std::max<std::int64_t>(dimension, 0));
        weights[tensor.name()] = values;
    }
    return weights;
}

/// Every node's first output becomes an output of the graph, so that ONNX Runtime tells its shape.
void give_out_everything(onnx::GraphProto& graph) {
    std::set<std::string> known;
    for (const auto& output : graph.output()) known.insert(output.name());
    for (const auto& node : graph.node())
        if (node.output_size() > 0 && !node.output(0).empty() &&
            known.insert(node.output(0)).second)
            graph.add_output()->set_name(node.output(0));
}

Result<Shapes> infer_shapes(onnx::ModelProto model) {
    auto runtime = onnx_runtime();
    if (!runtime) return pass_on(runtime);
    give_out_everything(*model.mutable_graph());
    const std::string bytes = model.SerializeAsString();
    return fenced([&] {
        Ort::SessionOptions options;
        options.SetIntraOpNumThreads(1);
        options.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
        const Ort::Session session((*runtime)->env, bytes.data(), bytes.size(), options);
        Shapes shapes;
        const Ort::AllocatorWithDefaultOptions memory;
        for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
            const Ort::TypeInfo type = session.GetOutputTypeInfo(i);
            if (type.GetONNXType() == ONNX_TYPE_TENSOR)
                shapes[session.GetOutputNameAllocated(i, memory).get()] =
                    type.GetTensorTypeAndShapeInfo().GetShape();
        }
        return shapes;
    });
}

}  // namespace

std::vector<LayerLine> onnx_layers(onnx::ModelProto model) {
    std::vector<LayerLine> layers;
    std::vector<std::string> outputs;
    const auto weights = weights_by_name(model.graph());
    for (const auto& node : model.graph().node()) {
        LayerLine layer;
        layer.name = node.name();
        layer.kind = node.op_type();
        for (const std::string& input : node.input())
            if (const auto found = weights.find(input); found != weights.end())
                layer.weights += found->second;
        layers.push_back(std::move(layer));
        outputs.push_back(node.output_size() > 0 ? node.output(0) : "");
    }
    const auto shapes = infer_shapes(std::move(model));
    if (!shapes) return layers;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto found = shapes->find(outputs[i]);
        if (found == shapes->end() || found->second.empty()) continue;
        layers[i].output.assign(found->second.begin() + 1, found->second.end());
        layers[i].has_output = true;
    }
    return layers;
}

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#include "model/keras.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/keras_architecture.h"
#include "model/keras_child.h"
#include "model/keras_file.h"
#include "model/keras_layer.h"
#include "util/file.h"

namespace weir::model {
namespace {

using namespace keras;  // NOLINT(google-build-using-namespace): this file is its front

constexpr std::int64_t kMostValues = std::int64_t{1} << 24;  // of one sample, between two layers

const LayerKind* find_kind(std::string_view kind) {
    const std::array families = {core_layers(),    activation_layers(), convolution_layers(),
                                 pooling_layers(), merge_layers(),      recurrent_layers()};
    for (const auto& family : families) {
        const auto found = std::ranges::find(family, kind, &LayerKind::kind);
        if (found != family.end()) return &*found;
    }
    return nullptr;
}

bool takes_several(std::string_view kind) {
    return std::ranges::find(merge_layers(), kind, &LayerKind::kind) != merge_layers().end() ||
           std::ranges::find(recurrent_layers(), kind, &LayerKind::kind) !=
               recurrent_layers().end();
}

class Converter {
public:
    explicit Converter(KerasFile& file) : file_(&file) {}

    Result<> convert(const Architecture& model);
    KerasModel take() &&;

private:
    Result<Value> layer(const Call& call);

    KerasFile* file_;
    OnnxGraph graph_;
    std::vector<Value> values_;  ///< of each call
    std::vector<KerasLayer> layers_;
};

Result<Value> Converter::layer(const Call& call) {
    const LayerKind* kind = find_kind(call.kind);
    if (kind == nullptr)
        return fail(Errc::Unsupported, fmt::format("weir does not know the layer {}", call.kind));
    if (call.inputs.size() > 1 && !takes_several(call.kind))
        return fail(Errc::Invalid, "it is called with several inputs");
    Config config(*call.config);
    LayerWeights weights(file_->weights, call.place);
    LayerCall context{.kind = call.kind,
                      .keras = file_->major(),
                      .config = config,
                      .weights = weights,
                      .graph = graph_,
                      .inputs = {}};
    for (const std::size_t input : call.inputs) context.inputs.push_back(values_[input]);
    graph_.begin_layer(call.name);
    auto value = kind->convert(context);
    // What is wrong with an option explains what then went wrong with a weight.
    if (auto r = config.error(); !r) return pass_on(r);
    if (!value) return value;
    if (auto r = config.unknown_option(); !r) return pass_on(r);
    if (shape_values(value->shape).value_or(kMostValues) >= kMostValues)
        return fail(Errc::Unsupported,
                    fmt::format("its output {} is too large", shape_words(value->shape)));
    layers_.push_back({.name = call.name,
                       .kind = call.kind,
                       .output = value->shape,
                       .weights = weights.values()});
    return value;
}

Result<> Converter::convert(const Architecture& model) {
    for (const Call& call : model.calls) {
        if (call.is_input()) {
            values_.push_back(graph_.input(call.name, call.shape));
            layers_.push_back(
                {.name = call.name, .kind = call.kind, .output = call.shape, .weights = 0});
            continue;
        }
        auto value = layer(call);
        if (!value) return wrap(value, fmt::format("layer {} ({})", call.name, call.kind));
        values_.push_back(std::move(*value));
    }
    for (const std::size_t output : model.outputs)
        graph_.output(values_[output], model.calls[output].name);
    return {};
}

KerasModel Converter::take() && {
    return {.onnx = graph_.bytes(), .version = file_->version, .layers = std::move(layers_)};
}

/// Within an Hdf5Scope.
Result<KerasModel> read_here(const std::filesystem::path& path) {
    auto file = open_keras_file(path);
    if (!file) return wrap(file, path.string());
    auto architecture = read_architecture(file->model);
    if (!architecture) return wrap(architecture, path.string());
    Converter converter(*file);
    if (auto r = converter.convert(*architecture); !r) return wrap(r, path.string());
    return std::move(converter).take();
}

}  // namespace

Result<KerasModel> read_keras(const std::filesystem::path& path) {
    if (auto r = regular_file_bytes(path); !r) return pass_on(r);
    return read_in_child(&read_here, path);
}

}  // namespace weir::model

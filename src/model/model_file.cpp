// SPDX-License-Identifier: Apache-2.0
#include "model/model_file.h"

#include <fmt/format.h>

#include <array>
#include <fstream>

#include "model/keras.h"
#include "model/onnx_check.h"
#include "model/onnx_layers.h"
#include "util/file.h"

namespace weir::model {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kZipSignature = "PK\x03\x04";

bool has_at(std::string_view head, std::size_t at, std::string_view signature) {
    return head.size() >= at && head.substr(at).starts_with(signature);
}

LayerLine layer_line(KerasLayer& layer) {
    return {.name = std::move(layer.name),
            .kind = std::move(layer.kind),
            .output = std::move(layer.output),
            .has_output = true,
            .weights = layer.weights};
}

std::string onnx_version(const onnx::ModelProto& model) {
    std::string text = fmt::format("IR {}", model.ir_version());
    for (const auto& opset : model.opset_import())
        text += fmt::format(", {}opset {}", opset.domain().empty() ? "" : opset.domain() + " ",
                            opset.version());
    return text;
}

Result<ModelDescription> describe_onnx(const std::string& bytes) {
    auto model = parse_onnx(bytes);
    if (!model) return pass_on(model);
    ModelDescription description;
    description.version = onnx_version(*model);
    description.producer = model->producer_name();
    description.weights = count_weights(model->graph());
    description.layers = onnx_layers(std::move(*model));
    return description;
}

}  // namespace

Result<FileKind> file_kind(const fs::path& file) {
    auto bytes = regular_file_bytes(file);
    if (!bytes) return pass_on(bytes);
    if (*bytes > kMaxOnnxBytes)
        return fail(Errc::Invalid, fmt::format("{}: {} MiB, a model has 1 GiB at most",
                                               file.string(), *bytes >> 20U));
    std::array<char, 2048 + kHdf5Signature.size()> buffer{};
    std::ifstream in(file, std::ios::binary);
    in.read(buffer.data(), buffer.size());
    const std::string_view head(buffer.data(), static_cast<std::size_t>(in.gcount()));
    if (head.empty()) {
        auto r = read_text(file);  // for its error: who may not read it
        return r ? fail(Errc::Invalid, file.string() + ": empty") : pass_on(r);
    }
    // HDF5's own format allows foreign bytes before it.
    for (const std::size_t at : {0UZ, 512UZ, 1024UZ, 2048UZ})
        if (has_at(head, at, kHdf5Signature)) return FileKind::KerasHdf5;
    return has_at(head, 0, kZipSignature) ? FileKind::KerasZip : FileKind::Onnx;
}

Result<std::string> read_as_onnx(const fs::path& file) {
    auto kind = file_kind(file);
    if (!kind) return pass_on(kind);
    if (*kind == FileKind::Onnx) return read_text(file);
    auto keras = read_keras(file);
    if (!keras) return wrap(keras, file.string());
    return std::move(keras->onnx);
}

Result<ModelDescription> describe(const fs::path& file) {
    auto kind = file_kind(file);
    if (!kind) return pass_on(kind);
    Result<ModelDescription> description;
    std::string onnx;
    if (*kind == FileKind::Onnx) {
        auto text = read_text(file);
        if (!text) return pass_on(text);
        onnx = std::move(*text);
        description = describe_onnx(onnx);
        if (!description) return wrap(description, file.string());
    } else {
        auto keras = read_keras(file);
        if (!keras) return wrap(keras, file.string());
        onnx = std::move(keras->onnx);
        description->version = std::move(keras->version);
        for (KerasLayer& layer : keras->layers) {
            description->weights += layer.weights;
            description->layers.push_back(layer_line(layer));
        }
    }
    description->kind = *kind;
    auto runner = Runner::from_onnx(onnx, {});
    if (!runner) return wrap(runner, file.string());
    description->signature = runner->signature();
    return description;
}

}  // namespace weir::model

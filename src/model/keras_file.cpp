// SPDX-License-Identifier: Apache-2.0
#include "model/keras_file.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

#include "model/keras_h5.h"
#include "model/keras_zip.h"

namespace weir::model::keras {
namespace {

constexpr std::uint64_t kMostJsonBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostWeightBytes = std::uint64_t{5} << 28;  // 1 GiB and some structure

Result<KerasFile> open_legacy(const std::filesystem::path& path) {
    auto file = open_h5(path);
    if (!file) return pass_on(file);
    auto config = text_attribute(file->get(), "model_config");
    if (!config) return pass_on(config);
    if (!*config) {
        const bool has_weights = H5Aexists(file->get(), "layer_names") > 0 ||
                                 H5Lexists(file->get(), "layers", H5P_DEFAULT) > 0;
        if (!has_weights) return fail(Errc::Invalid, "an HDF5 file without a Keras model");
        return fail(Errc::Invalid, "it has weights, but not the model's architecture",
                    "save the whole model: model.save(), not save_weights()");
    }
    auto version = text_attribute(file->get(), "keras_version");
    if (!version) return pass_on(version);
    auto model = parse_json(std::move(*config).value_or(""));
    if (!model) return pass_on(model);
    if (!open_object(file->get(), "model_weights"))
        return fail(Errc::Invalid, "it has an architecture, but no weights (model_weights)");
    return KerasFile{.model = std::move(*model),
                     .version = version->value_or(""),
                     .weights = WeightFile(std::move(*file), WeightLayout::ByName)};
}

Result<KerasFile> open_archive(const std::filesystem::path& path) {
    auto zip = ZipFile::open(path);
    if (!zip) return pass_on(zip);
    auto config = zip->read("config.json", kMostJsonBytes);
    if (!config) return pass_on(config);
    if (!*config) return fail(Errc::Invalid, "a zip file without a Keras model (config.json)");
    auto model = parse_json(std::move(*config).value_or(""));
    if (!model) return pass_on(model);
    auto metadata = zip->read("metadata.json", kMostJsonBytes);
    if (!metadata) return pass_on(metadata);
    const auto told = parse_json(metadata->value_or(""));
    auto weights = zip->read("model.weights.h5", kMostWeightBytes);
    if (!weights) return pass_on(weights);
    if (!*weights) return fail(Errc::Invalid, "it has no weights (model.weights.h5)");
    auto file = open_h5_bytes(std::move(*weights).value_or(""));
    if (!file) return wrap(file, "model.weights.h5");
    return KerasFile{.model = std::move(*model),
                     .version = told ? text_member(*told, "keras_version") : "",
                     .weights = WeightFile(std::move(*file), WeightLayout::ByNumber)};
}

}  // namespace

int KerasFile::major() const {
    int major = 0;
    std::from_chars(version.data(), version.data() + version.size(), major);
    if (major > 0) return major;
    return weights.layout() == WeightLayout::ByNumber ? 3 : 2;
}

Result<KerasFile> open_keras_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Errc::Permission, "it may not be read");
    std::string start(4, '\0');
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    return start == "PK\x03\x04" ? open_archive(path) : open_legacy(path);
}

}  // namespace weir::model::keras

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keras models for tests, as JSON and as files, and what is said of them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/keras.h"
#include "support/keras_file.h"
#include "support/scratch_folder.h"

namespace weir::model {

using nlohmann::json;
using test::KerasH5;
using test::KerasWeight;
using test::ScratchFolder;

inline json layer(const std::string& kind, const std::string& name, json options = json::object()) {
    options["name"] = name;
    return {{"class_name", kind}, {"config", options}};
}

inline json input(const json& shape) {
    return layer("InputLayer", "x", {{"batch_input_shape", shape}, {"dtype", "float32"}});
}

inline json dense(const std::string& name, json units = 2) {
    return layer("Dense", name, {{"units", units}, {"activation", "linear"}, {"use_bias", false}});
}

inline json sequential(const std::vector<json>& layers) {
    return {{"class_name", "Sequential"}, {"config", {{"name", "m"}, {"layers", layers}}}};
}

inline KerasWeight kernel(const std::string& name, hsize_t in = 3, hsize_t out = 2) {
    return {.path = name + "/" + name + "/kernel:0",
            .shape = {in, out},
            .values = std::vector<float>(in * out, 0.5F)};
}

inline KerasH5 good() {
    return {.config = sequential({input({nullptr, 3}), dense("fc")}).dump(),
            .weights = {kernel("fc")}};
}

inline Result<KerasModel> read(const KerasH5& model) {
    const ScratchFolder folder;
    write_keras_h5(folder.path() / "m.h5", model);
    return read_keras(folder.path() / "m.h5");
}

inline Result<KerasModel> read(const std::string& bytes) {
    const ScratchFolder folder;
    return read_keras(folder.file("m", bytes));
}

inline Result<KerasModel> read_layers(const std::vector<json>& layers) {
    return read(KerasH5{.config = sequential(layers).dump()});
}

/// The code and the message, without the file's name.
inline testing::AssertionResult refuses(const Result<KerasModel>& got, Errc code,
                                        const std::string& words) {
    if (got) return testing::AssertionFailure() << "it was read";
    if (got.error().code != code || !got.error().message.contains(words))
        return testing::AssertionFailure()
               << static_cast<int>(got.error().code) << ": " << got.error().message;
    return testing::AssertionSuccess();
}

}  // namespace weir::model

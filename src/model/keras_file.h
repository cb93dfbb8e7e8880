// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Keras file taken apart: what the model is, and where its numbers are.
//
// Thread rule: one thread at a time, within an Hdf5Scope.
#include <filesystem>
#include <string>

#include "model/keras_config.h"
#include "model/keras_weights.h"

namespace weir::model::keras {

struct KerasFile {
    Json model;           ///< {"class_name": ..., "config": ...}
    std::string version;  ///< "2.4.0"; empty where the file does not say
    WeightFile weights;

    [[nodiscard]] int major() const;
};

/// .h5 or .keras, whichever the content is. Errors: Permission, Io; Invalid (neither of them,
/// broken, only weights, no weights); Unsupported (larger than any model).
[[nodiscard]] Result<KerasFile> open_keras_file(const std::filesystem::path& path);

}  // namespace weir::model::keras

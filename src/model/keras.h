// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keras files as ONNX: .h5 of Keras 2 and 3, and .keras. Nothing of Keras is needed.
//
// Ownership: plain values. Thread rule: one thread at a time (HDF5 has one lock for all).
#include <filesystem>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::model {

struct KerasLayer {
    std::string name, kind;            ///< "conv0", "Conv2D"
    std::vector<std::int64_t> output;  ///< without the samples
    std::uint64_t weights = 0;         ///< numbers
};

struct KerasModel {
    std::string onnx;     ///< the bytes of an ONNX file
    std::string version;  ///< "2.4.0", as the file says; may be empty
    std::vector<KerasLayer> layers;
};

/// Turns a Keras file into ONNX. Errors: NotFound, Permission; Invalid (broken, no architecture,
/// weights that do not fit or are not finite); Unsupported (a layer or an option of one that is not
/// known, by name).
[[nodiscard]] Result<KerasModel> read_keras(const std::filesystem::path& file);

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model's file, whichever format it has: what it is, its ONNX bytes, and what is in it.
//
//     auto onnx = read_as_onnx("lucid.h5");
//
// Ownership: plain values. Thread rule: one thread at a time (Keras files are read by HDF5).
#include <filesystem>
#include <string>
#include <vector>

#include "model/runner.h"
#include "weir/result.h"

namespace weir::model {

enum class FileKind { Onnx, KerasHdf5, KerasZip };

/// Looks at the content: HDF5's or zip's signature; all else is taken for ONNX. Errors: NotFound,
/// Permission, Invalid (a folder or a device, empty), Io.
[[nodiscard]] Result<FileKind> file_kind(const std::filesystem::path& file);

/// The bytes of an ONNX file, or of one that a Keras file is turned into. Errors: those of
/// file_kind() and read_keras(); Invalid (larger than 1 GiB).
[[nodiscard]] Result<std::string> read_as_onnx(const std::filesystem::path& file);

/// A layer of a Keras file, an operator of an ONNX file.
struct LayerLine {
    std::string name, kind;            ///< "conv0", "Conv2D"
    std::vector<std::int64_t> output;  ///< without the samples; -1: not known before it runs
    bool has_output = false;           ///< whether `output` is known at all
    std::uint64_t weights = 0;         ///< numbers
};

struct ModelDescription {
    FileKind kind = FileKind::Onnx;
    std::string version;   ///< of Keras; of ONNX "IR 8, opset 13"; may be empty
    std::string producer;  ///< who wrote an ONNX file; may be empty
    Signature signature;
    std::vector<LayerLine> layers;
    std::uint64_t weights = 0;
};

/// Opens the model as Runner::open() does, and tells what is in it. Errors: as there.
[[nodiscard]] Result<ModelDescription> describe(const std::filesystem::path& file);

}  // namespace weir::model

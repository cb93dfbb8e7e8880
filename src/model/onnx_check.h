// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is demanded of the bytes of an ONNX file before ONNX Runtime sees them.
//
//     auto model = parse_onnx(bytes);
//     if (!model) return wrap(model, path);
//
// Ownership: plain values. Thread rule: thread-safe.
#include <onnx/onnx_pb.h>

#include <string_view>

#include "weir/result.h"

namespace weir::model {

/// Parts (nodes, attributes, tensors, names of dimensions) that a model may have: each takes a few
/// hundred bytes of memory, but as few as two of the file.
constexpr std::size_t kMaxOnnxParts = 1'000'000;
constexpr std::size_t kMaxOnnxBytes = std::size_t{1} << 30;

/// Errors: Invalid (not ONNX, cut off, too many parts; weights that are not finite, or that lie in
/// another file; each by name). A single infinity is allowed: it is a bound or a mask.
/// Cost: one pass over the bytes, one over the weights; twice the file in memory (a hostile one:
/// eight times, and the parts).
[[nodiscard]] Result<onnx::ModelProto> parse_onnx(std::string_view bytes);

/// The numbers in all initializers of the outer graph.
[[nodiscard]] std::uint64_t count_weights(const onnx::GraphProto& graph);

}  // namespace weir::model

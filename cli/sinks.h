// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the command line makes of a window: a line of JSON (the contract, docs/design.md) or a page
// for people. Thread rule: called on the probe's worker, one window at a time.
#include <cstddef>
#include <memory>
#include <string>

#include "cli/output.h"
#include "weir/engine.h"

namespace weir::cli {

struct SinkOptions {
    std::size_t max_rows = 100;
    std::size_t max_alerts = 10;  ///< of extractors; a model was told
};

[[nodiscard]] std::unique_ptr<WindowSink> make_json_sink(Output output, const SinkOptions& options);
[[nodiscard]] std::unique_ptr<WindowSink> make_text_sink(Output output, const SinkOptions& options);

}  // namespace weir::cli

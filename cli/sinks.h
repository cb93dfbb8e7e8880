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
    bool as_json = false;
    std::size_t max_rows = 100;
};

[[nodiscard]] std::unique_ptr<WindowSink> make_sink(Output output, const SinkOptions& options);

}  // namespace weir::cli

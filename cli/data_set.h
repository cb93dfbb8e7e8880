// SPDX-License-Identifier: Apache-2.0
#pragma once
// weir replay --dataset: its options, and the sink that writes the set beside the report.
//
// Thread rule: options on the main thread; a sink is called on the probe's worker.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/data_set.h"
#include "weir/engine.h"

namespace weir::cli {

struct DataSetArguments {
    std::string file;  // empty: none is wanted
    std::vector<std::string> labels;
    bool is_raw = false;
    bool keeps_all = false;
    bool names_flows = false;
};

void add_data_set_options(CLI::App& app, DataSetArguments& arguments);

/// None: no data set is wanted. `profile`: what --profile says; empty: lucid11.
/// Errors: Invalid (labels without a set, a set without labels), those of find_profile().
[[nodiscard]] Result<std::optional<model::DataSetOptions>> check_data_set(
    const DataSetArguments& arguments, const std::string& profile, std::chrono::nanoseconds window);

/// The set, made for the probe's flow tensor, which is among `tables`. Errors: Rejected (there is
/// none, it does not fit), Io.
[[nodiscard]] Result<model::DataSet> open_data_set(std::span<const Table> tables,
                                                   const model::DataSetOptions& options);

/// Writes every window's flows, then lets `next` report the window.
class DataSetSink : public WindowSink {
public:
    DataSetSink(model::DataSet set, WindowSink& next) : set_(std::move(set)), next_(next) {}
    void extract(const Window& window) override { next_.extract(window); }
    [[nodiscard]] Result<> report(const Window& window) override;

    /// What became of the set, a line each. Once, when no window comes any more. Errors: Io; there
    /// is no new file then.
    [[nodiscard]] Result<std::vector<std::string>> finish(const model::DataSetOptions& options);

private:
    model::DataSet set_;
    WindowSink& next_;
    std::uint64_t untracked_ = 0;  // packets
};

}  // namespace weir::cli

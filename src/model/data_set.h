// SPDX-License-Identifier: Apache-2.0
#pragma once
// A data set in LUCID's format, made of the flow tensors of a replay's windows: a sample for each
// flow of each window, in the order in which the flows began.
//
//     auto set = model::DataSet::create(table, options);      // shape and layout alone
//     set->add(table);                                        // each window
//     auto counts = set->finish();
//
// Ownership: owns the file, which takes its name in finish() and leaves nothing before. Thread
// rule: one thread at a time.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "model/ends.h"
#include "model/input.h"
#include "model/label.h"
#include "model/set_file.h"
#include "weir/result.h"

namespace weir::model {

struct DataSetOptions {
    std::filesystem::path file;
    Labels labels;
    Profile profile;
    std::chrono::nanoseconds window;
    Scale scale = Scale::Divided;
    bool keeps_all = false;    ///< also what LUCID leaves out: see is_lucids()
    bool names_flows = false;  ///< set_flow: which flow each sample is
};

struct DataSetCounts {
    std::uint64_t attack = 0, benign = 0;
    std::uint64_t left_out = 0;    ///< flows that LUCID has no features for
    std::uint64_t unlabelled = 0;  ///< flows of which no label says anything
};

/// Whether LUCID's data sets have such flows: TCP, UDP and ICMP over IPv4, but for fragments after
/// the first.
[[nodiscard]] bool is_lucids(const FlowEnds& flow);

class DataSet {
public:
    /// `table` is a flow tensor; rows are not looked at. Errors: those of Input::fit() and
    /// SetWriter::create(); Rejected (labels by address, and flows without).
    [[nodiscard]] static Result<DataSet> create(const Table& table, const DataSetOptions& options);

    /// Appends the flows of a table that is laid out like the first one. Errors: Io.
    [[nodiscard]] Result<> add(const Table& table);
    /// Once. Errors: Io.
    [[nodiscard]] Result<DataSetCounts> finish();

private:
    DataSet(DataSetOptions options, Input input, SetWriter writer);
    [[nodiscard]] std::optional<bool> label_of(const FlowEnds& flow, bool has_addresses);
    void convert_run(const Table& table, std::span<const FlowContext> context, std::size_t first,
                     std::size_t end);
    [[nodiscard]] Result<> flush();

    DataSetOptions options_;
    Input input_;
    SetWriter writer_;
    std::vector<double> x_;  // of up to a batch of samples
    std::vector<std::uint8_t> y_;
    std::vector<SetWriter::FlowName> names_;
    DataSetCounts counts_;
};

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#include "model/data_set.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

namespace weir::model {
namespace {

constexpr std::uint8_t kUnknown = 0;  // the key tells no protocol
constexpr std::size_t kBatch = 1024;  // samples: 900 kB of float64, in the cache

bool is_ipv4(const Address& address) {
    constexpr std::size_t kPrefix = 10;
    return std::all_of(address.begin(), address.begin() + kPrefix,
                       [](std::byte b) { return b == std::byte{0}; }) &&
           address[kPrefix] == std::byte{0xff} && address[kPrefix + 1] == std::byte{0xff};
}

/// "10.0.0.1,10.0.0.2,40000,80,6": the columns of FlowLabels but for the label.
SetWriter::FlowName name_of(const FlowEnds& flow) {
    SetWriter::FlowName name = {};
    const std::string text =
        fmt::format("{},{},{},{},{}", address_text(flow.source), address_text(flow.destination),
                    flow.source_port, flow.destination_port, flow.protocol);
    std::copy_n(text.data(), std::min(text.size(), name.size()), name.data());
    return name;
}

}  // namespace

bool is_lucids(const FlowEnds& flow) {
    const bool has_features = flow.protocol == IPPROTO_TCP || flow.protocol == IPPROTO_UDP ||
                              flow.protocol == IPPROTO_ICMP;
    return is_ipv4(flow.source) && (has_features || flow.protocol == kUnknown);
}

DataSet::DataSet(DataSetOptions options, Input input, SetWriter writer)
    : options_(std::move(options)), input_(std::move(input)), writer_(std::move(writer)) {}

Result<DataSet> DataSet::create(const Table& table, const DataSetOptions& options) {
    const FlowLayout& layout = *table.flows;
    const InputShape shape{.packets = layout.packets_per_flow,
                           .features = options.profile.features.size()};
    auto input = Input::fit(layout, options.profile, shape, options.window);
    if (!input) return pass_on(input);
    if (options.labels.needs_addresses() && !Ends(layout, *table.shape->value).has_addresses())
        return fail(Errc::Rejected,
                    fmt::format("labels by address: the flows of {} have no source and "
                                "destination in their key",
                                table.shape->name),
                    "--label attack or --label benign, for the whole file");
    auto writer = SetWriter::create(
        options.file,
        {static_cast<std::int64_t>(shape.packets), static_cast<std::int64_t>(shape.features)},
        options.names_flows ? SetWriter::Flows::Named : SetWriter::Flows::Unnamed);
    if (!writer) return pass_on(writer);
    return DataSet(options, std::move(*input), std::move(*writer));
}

/// None: the flow is not for the set, and counted as such.
std::optional<bool> DataSet::label_of(const FlowEnds& flow, bool has_addresses) {
    if (!options_.keeps_all && has_addresses && !is_lucids(flow)) {
        ++counts_.left_out;
        return std::nullopt;
    }
    const auto is_attack = options_.labels.is_attack(flow);
    if (!is_attack) ++counts_.unlabelled;
    return is_attack;
}

void DataSet::convert_run(const Table& table, std::span<const FlowContext> context,
                          std::size_t first, std::size_t end) {
    if (first == end) return;
    const std::size_t from = x_.size();
    x_.resize(from + (end - first) * input_.values());
    input_.convert(table, context, first, std::span(x_).subspan(from), options_.scale);
}

/// Runs of flows that are kept are converted at once: nearly always that is all of them.
Result<> DataSet::add(const Table& table) {
    const Ends ends(*table.flows, *table.shape->value);
    const std::vector<FlowContext> context = input_.context(table);
    std::size_t first = 0;  // of the run at hand
    for (std::size_t i = 0; i < table.rows; ++i) {
        const FlowEnds flow = ends.of(table.value(i));
        const auto is_attack = label_of(flow, ends.has_addresses());
        if (!is_attack) {
            convert_run(table, context, first, i);
            first = i + 1;
            continue;
        }
        ++(*is_attack ? counts_.attack : counts_.benign);
        y_.push_back(*is_attack ? 1 : 0);
        if (options_.names_flows) names_.push_back(name_of(flow));
        if (y_.size() < kBatch) continue;
        convert_run(table, context, first, i + 1);
        first = i + 1;
        if (auto r = flush(); !r) return r;
    }
    convert_run(table, context, first, table.rows);
    return {};
}

Result<> DataSet::flush() {
    if (y_.empty()) return {};
    auto done = writer_.append(x_, y_, names_);
    x_.clear();
    y_.clear();
    names_.clear();
    return done;
}

Result<DataSetCounts> DataSet::finish() {
    if (auto r = flush(); !r) return pass_on(r);
    if (auto r = writer_.finish(); !r) return pass_on(r);
    return counts_;
}

}  // namespace weir::model

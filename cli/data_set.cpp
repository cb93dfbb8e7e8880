// SPDX-License-Identifier: Apache-2.0
#include "cli/data_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace weir::cli {
namespace {

std::string counted(std::uint64_t n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

void add_data_set_options(CLI::App& app, DataSetArguments& a) {
    app.add_option("--dataset", a.file,
                   "Write a data set in LUCID's format (HDF5); --window-rule lucid cuts as LUCID "
                   "does")
        ->type_name("OUT.h5");
    app.add_option("--label", a.labels,
                   "Which flows are an attack: attacker=172.16.0.5,10.0.0.0/8,victim=..., or "
                   "flows=FILE.csv, or attack, or benign (repeatable)")
        ->type_name("LABEL")
        ->allow_extra_args(false);
    app.add_flag("--dataset-raw", a.is_raw, "Numbers as they are, not divided");
    app.add_flag("--dataset-all", a.keeps_all,
                 "Also flows that LUCID has no features for: IPv6, other protocols, fragments");
    app.add_flag("--dataset-flows", a.names_flows,
                 "Also set_flow: source,destination,source_port,destination_port,protocol of each "
                 "sample");
}

Result<std::optional<model::DataSetOptions>> check_data_set(const DataSetArguments& a,
                                                            const std::string& profile,
                                                            std::chrono::nanoseconds window) {
    if (a.file.empty()) {
        if (a.labels.empty() && !a.is_raw && !a.keeps_all && !a.names_flows) return std::nullopt;
        const char* option = !a.labels.empty() ? "--label"
                             : a.is_raw        ? "--dataset-raw"
                             : a.keeps_all     ? "--dataset-all"
                                               : "--dataset-flows";
        return fail(Errc::Invalid, fmt::format("{} goes with --dataset OUT.h5", option));
    }
    auto labels = model::Labels::parse(a.labels);
    if (!labels) return wrap(labels, "--dataset " + a.file);
    auto found = model::find_profile(profile.empty() ? "lucid11" : profile);
    if (!found) return wrap(found, "--profile");
    std::error_code ignored;
    if (std::filesystem::is_directory(a.file, ignored))
        return fail(Errc::Io, fmt::format("--dataset {}: a folder", a.file));
    return model::DataSetOptions{.file = a.file,
                                 .labels = std::move(*labels),
                                 .profile = std::move(*found),
                                 .window = window,
                                 .scale = a.is_raw ? model::Scale::Raw : model::Scale::Divided,
                                 .keeps_all = a.keeps_all,
                                 .names_flows = a.names_flows};
}

Result<model::DataSet> open_data_set(std::span<const Table> tables,
                                     const model::DataSetOptions& options) {
    const auto flows =
        std::ranges::find_if(tables, [](const Table& t) { return t.flows != nullptr; });
    if (flows == tables.end())
        return fail(Errc::Rejected, "--dataset: the probe has no flow tensor (weir/flow.h)");
    auto set = model::DataSet::create(*flows, options);
    if (!set) return wrap(set, "--dataset");
    return set;
}

Result<> DataSetSink::report(const Window& window) {
    untracked_ += window.packets.untracked;
    for (const Table& table : window.tables)
        if (table.flows != nullptr) {
            if (auto r = set_.add(table); !r) return wrap(r, "--dataset");
            break;
        }
    return next_.report(window);
}

Result<std::vector<std::string>> DataSetSink::finish(const model::DataSetOptions& options) {
    auto counts = set_.finish();
    if (!counts) return wrap(counts, "--dataset");
    std::vector<std::string> lines;
    lines.push_back(fmt::format("data set {}: {}, {} attack, {} benign; profile {}",
                                options.file.string(),
                                counted(counts->attack + counts->benign, "sample"), counts->attack,
                                counts->benign, options.profile.name));
    if (counts->left_out != 0)
        lines.push_back(fmt::format(
            "{} are not in the set: LUCID has TCP, UDP and ICMP over IPv4, without later fragments "
            "(--dataset-all takes them too)",
            counted(counts->left_out, "flow")));
    if (counts->unlabelled != 0)
        lines.push_back(fmt::format("{} are not in the set: the labels do not have them",
                                    counted(counts->unlabelled, "flow")));
    if (untracked_ != 0)
        lines.push_back(fmt::format(
            "{} of flows for which there was no room are not in the set: make room with --set "
            "PROBE.max_flows",
            counted(untracked_, "packet")));
    return lines;
}

}  // namespace weir::cli

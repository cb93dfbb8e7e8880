// SPDX-License-Identifier: Apache-2.0
// weir replay: a probe on a capture, a report every window of its time.
#include "weir/replay.h"

#include <fmt/format.h>

#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sinks.h"
#include "cli/stop_signal.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

struct ReplayArguments {
    ProbeArguments probe;
    std::string file;
    std::string window_rule = "fixed";
    std::string dataset;
    std::string label;
    long windows = 0;
};

Result<> check_built(const ReplayArguments& a) {
    if (auto r = check_kinds(a.probe); !r) return r;
    if (!a.dataset.empty())
        return fail(Errc::Unsupported,
                    fmt::format("--dataset {}: data sets are not built yet", a.dataset));
    if (!a.label.empty())
        return fail(Errc::Unsupported,
                    fmt::format("--label {}: labels are not built yet", a.label));
    return {};
}

Result<ReplayOptions> check_arguments(const ReplayArguments& a) {
    auto probe = to_probe_options(a.probe);
    if (!probe) return pass_on(probe);
    auto window = parse_window(a.probe.time_window);
    if (!window) return pass_on(window);
    if (auto r = check_exists("capture", a.file); !r) return pass_on(r);
    if (auto r = check_files(a.probe); !r) return pass_on(r);
    if (auto r = check_built(a); !r) return pass_on(r);
    ReplayOptions options;
    options.probe = std::move(*probe);
    options.extractor = to_extractor_options(a.probe);
    options.file = a.file;
    options.window = *window;
    options.rule = a.window_rule == "lucid" ? WindowRule::Lucid : WindowRule::Fixed;
    options.max_windows = static_cast<std::uint64_t>(a.windows);
    return options;
}

void show_progress(ProgressLine& line, const ReplayProgress& now) {
    const std::uint64_t percent = now.file_bytes == 0 ? 0 : now.bytes_read * 100 / now.file_bytes;
    line.show(percent, [&] { return fmt::format("of the file, {} packets", now.packets); });
}

Result<> replay(const ReplayArguments& a) {
    auto options = check_arguments(a);
    if (!options) return pass_on(options);
    auto stop = StopSignal::install();
    if (!stop) return pass_on(stop);
    auto output = Output::open(a.probe.output);
    if (!output) return pass_on(output);
    if (a.probe.as_json()) leave_standard_output();
    ProgressLine progress;
    // Windows on a terminal are progress enough, and the two would write over each other.
    if (!output->is_terminal())
        options->on_progress = [&](const ReplayProgress& now) { show_progress(progress, now); };
    auto replay = Replay::open(*options);
    if (!replay) return pass_on(replay);
    for (const std::string& notice : replay->notices()) print_notice(notice);
    // From here on maps are read and programs run, both by descriptor.
    drop_capabilities();
    auto sink = make_sink(std::move(*output),
                          {.as_json = a.probe.as_json(), .max_rows = a.probe.row_limit()});
    stop->arm();
    auto summary = replay->run(*sink, stop->fd());
    progress.erase();
    if (!summary) return pass_on(summary);
    for (const std::string& notice : summary->notices) print_notice(notice);
    if (summary->packets == 0) print_notice("the capture has no packets");
    return {};
}

}  // namespace

Run add_replay(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("replay", "Run a probe on a capture; report every window of its time");
    auto a = std::make_shared<ReplayArguments>();
    add_probe_options(*verb, a->probe);
    verb->add_option(
            "--window-rule", a->window_rule,
            "fixed: a grid from the first packet; lucid: restart at the first packet after")
        ->check(CLI::IsMember({"fixed", "lucid"}))
        ->capture_default_str();
    verb->add_option("--windows", a->windows, "Stop after N windows (default: the whole file)")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    verb->add_option("--dataset", a->dataset, "Write a data set in LUCID's format")
        ->type_name("OUT.h5");
    verb->add_option("--label", a->label, "Who is an attacker: attacker=172.16.0.5,...")
        ->type_name("LABEL");
    verb->add_option("file", a->file, "Capture: pcap or pcapng, also gzipped")
        ->required()
        ->type_name("FILE");
    verb->footer(
        "Examples:\n"
        "  weir replay dump.pcap\n"
        "  weir replay -b count.bpf.c -t 1 --format json dump.pcapng\n"
        "  weir replay --window-rule lucid --windows 3 dump.pcap.gz");
    return [a] {
        auto done = replay(*a);
        return done ? 0 : print_error(done.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

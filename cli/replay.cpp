// SPDX-License-Identifier: Apache-2.0
// weir replay: a probe on a capture, a report every window of its time.
#include "weir/replay.h"

#include <fmt/format.h>
#include <poll.h>

#include "cli/data_set.h"
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
    DataSetArguments data_set;
    long windows = 0;
};

struct ReplayRequest {
    ReplayOptions replay;
    std::optional<model::DataSetOptions> data_set;
};

Result<ReplayRequest> check_arguments(const ReplayArguments& a) {
    auto probe = to_probe_options(a.probe);
    if (!probe) return pass_on(probe);
    auto analysis = to_analysis(a.probe);
    auto window = parse_window(a.probe.time_window);
    if (!window) return pass_on(window);
    if (auto r = check_exists("capture", a.file); !r) return pass_on(r);
    if (auto r = check_files(a.probe.bpf, analysis); !r) return pass_on(r);
    if (auto r = check_profile(a.probe.profile); !r) return pass_on(r);
    auto data_set = check_data_set(a.data_set, a.probe.profile, *window);
    if (!data_set) return pass_on(data_set);
    ReplayOptions options;
    options.probe = std::move(*probe);
    options.hook = to_hook(a.probe);
    options.extractor = std::move(analysis.extractor);
    options.model = std::move(analysis.model);
    if (*data_set && options.model.is_optional) options.model = {};  // a set needs no scores
    options.file = a.file;
    options.window = *window;
    options.rule = a.window_rule == "lucid" ? WindowRule::Lucid : WindowRule::Fixed;
    options.max_windows = static_cast<std::uint64_t>(a.windows);
    return ReplayRequest{.replay = std::move(options), .data_set = std::move(*data_set)};
}

void show_progress(ProgressLine& line, const ReplayProgress& now) {
    const std::uint64_t percent = now.file_bytes == 0 ? 0 : now.bytes_read * 100 / now.file_bytes;
    line.show(percent, [&] { return fmt::format("of the file, {} packets", now.packets); });
}

bool is_readable(int fd) {
    pollfd stop{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&stop, 1, 0) > 0;
}

/// Reports windows to `sink`, and to a data set where one is wanted.
Result<ReplaySummary> run(Replay& replay, WindowSink& sink,
                          const std::optional<model::DataSetOptions>& wanted, int stop_fd) {
    if (!wanted) return replay.run(sink, stop_fd);
    auto set = open_data_set(replay.tables(), *wanted);
    if (!set) return pass_on(set);
    DataSetSink both(std::move(*set), sink);
    auto summary = replay.run(both, stop_fd);
    if (!summary) return summary;
    auto lines = both.finish(*wanted);
    if (!lines) return pass_on(lines);
    summary->notices.insert(summary->notices.end(), lines->begin(), lines->end());
    if (is_readable(stop_fd))
        summary->notices.emplace_back(
            "stopped before the end of the capture: the set has what came before");
    return summary;
}

Result<> replay(const ReplayArguments& a) {
    auto request = check_arguments(a);
    if (!request) return pass_on(request);
    ReplayOptions& options = request->replay;
    auto stop = StopSignal::install();
    if (!stop) return pass_on(stop);
    auto output = Output::open(a.probe.output);
    if (!output) return pass_on(output);
    if (a.probe.as_json()) leave_standard_output();
    ProgressLine progress;
    // Windows on a terminal are progress enough, and the two would write over each other.
    if (!output->is_terminal())
        options.on_progress = [&](const ReplayProgress& now) { show_progress(progress, now); };
    options.on_log = print_log;
    auto replay = Replay::open(options);
    if (!replay) return pass_on(replay);
    for (const std::string& notice : replay->notices()) print_notice(notice);
    // From here on maps are read and programs run, both by descriptor.
    drop_capabilities({.makes_files = request->data_set.has_value()});
    auto sink =
        (a.probe.as_json() ? make_json_sink : make_text_sink)(std::move(*output), a.probe.sink());
    stop->arm();
    auto summary = run(*replay, *sink, request->data_set, stop->fd());
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
    add_data_set_options(*verb, a->data_set);
    verb->add_option("file", a->file, "Capture: pcap or pcapng, also gzipped")
        ->required()
        ->type_name("FILE");
    verb->footer(
        "Examples:\n"
        "  weir replay dump.pcap\n"
        "  weir replay -b count.bpf.c -t 1 --format json dump.pcapng\n"
        "  weir replay --window-rule lucid --windows 3 dump.pcap.gz\n"
        "  weir replay --window-rule lucid -m lucid.h5 --profile lucid11,ip_flags=0x4000 "
        "dump.pcap\n"
        "  weir replay -m lucid.h5 --alerts all --format json dump.pcap\n"
        "  weir replay --window-rule lucid --dataset set.h5 --label attacker=172.16.0.5 dump.pcap");
    return [a] {
        auto done = replay(*a);
        return done ? 0 : print_error(done.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

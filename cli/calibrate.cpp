// SPDX-License-Identifier: Apache-2.0
// weir model calibrate: a threshold for the user's own traffic, from captures or from an interface.
#include <fmt/format.h>
#include <poll.h>

#include <cmath>
#include <filesystem>
#include <memory>

#include "cli/calibration.h"
#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "cli/verbs.h"
#include "weir/replay.h"

namespace weir::cli {
namespace {

struct CalibrateArguments {
    ProbeArguments probe;
    std::vector<std::string> sources;
    double wanted = 0.001;
    double seconds = 600;
};

/// Gathers scores; nothing is reported meanwhile.
class CalibrationSink : public WindowSink {
public:
    explicit CalibrationSink(std::uint64_t windows) : windows_(windows) {}
    void extract(const Window&) override {}
    [[nodiscard]] bool wants_tables() const override { return false; }
    [[nodiscard]] Result<> report(const Window& window) override {
        seen.add(window);
        if (windows_ != 0)
            progress.show(std::min<std::uint64_t>(seen.windows() * 100 / windows_, 100),
                          [&] { return fmt::format("of the time, {} flows", seen.flows()); });
        return {};
    }

    Calibration seen;
    ProgressLine progress;

private:
    std::uint64_t windows_;  // that are waited for; 0: a capture
};

struct Request {
    ProbeOptions probe;
    ModelOptions model;
    std::chrono::nanoseconds window;
    std::optional<Hook> hook;
};

Result<Request> check_arguments(const CalibrateArguments& a) {
    auto probe = to_probe_options(a.probe);
    if (!probe) return pass_on(probe);
    auto analysis = to_analysis(a.probe);
    auto window = parse_window(a.probe.time_window);
    if (!window) return pass_on(window);
    if (auto r = check_files(a.probe.bpf, analysis); !r) return pass_on(r);
    if (auto r = check_profile(a.probe.profile); !r) return pass_on(r);
    if (analysis.model.file.empty())
        return fail(Errc::Invalid, fmt::format("the probe {} has no model of its own", a.probe.bpf),
                    "name one: -m lucid.h5");
    analysis.model.is_optional = false;
    analysis.model.max_alerts = 0;
    return Request{.probe = std::move(*probe),
                   .model = std::move(analysis.model),
                   .window = *window,
                   .hook = to_hook(a.probe)};
}

Result<> replay_capture(const std::string& file, const Request& request, CalibrationSink& sink,
                        int stop_fd) {
    ReplayOptions options;
    options.probe = request.probe;
    options.model = request.model;
    options.hook = request.hook;
    options.file = file;
    options.window = request.window;
    options.on_progress = [&](const ReplayProgress& now) {
        if (now.file_bytes != 0)
            sink.progress.show(now.bytes_read * 100 / now.file_bytes, [&] { return "of " + file; });
    };
    auto replay = Replay::open(options);
    if (!replay) return pass_on(replay);
    for (const std::string& notice : replay->notices()) print_notice(notice);
    auto summary = replay->run(sink, stop_fd);
    sink.progress.erase();
    if (!summary) return pass_on(summary);
    for (const std::string& notice : summary->notices) print_notice(notice);
    return {};
}

Result<> watch_interface(const std::string& interface, const Request& request,
                         std::uint64_t windows, CalibrationSink& sink, StopSignal& stop) {
    InjectOptions options;
    options.probe = request.probe;
    options.model = request.model;
    options.hook = request.hook;
    options.interface = interface;
    options.window = request.window;
    options.max_windows = windows;
    options.on_notice = print_notice;
    options.before_attach = [&](std::uint64_t) { stop.arm(); };
    auto engine = Engine::inject(options);
    if (!engine) return pass_on(engine);
    for (const std::string& notice : engine->notices()) print_notice(notice);
    drop_capabilities();
    return engine->run(sink, stop.fd());
}

bool is_capture(const std::string& source) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(source, ignored);
}

bool has_stopped(int fd) {
    pollfd stop{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&stop, 1, 0) > 0;
}

Result<> gather(const CalibrateArguments& a, const Request& request, CalibrationSink& sink,
                StopSignal& stop, std::uint64_t windows) {
    if (!is_capture(a.sources.front()))
        return watch_interface(a.sources.front(), request, windows, sink, stop);
    stop.arm();
    for (const std::string& file : a.sources) {
        if (has_stopped(stop.fd())) return {};
        if (auto r = check_exists("capture", file); !r) return r;
        if (auto r = replay_capture(file, request, sink, stop.fd()); !r) return r;
    }
    return {};
}

Result<> calibrate(const CalibrateArguments& a) {
    auto request = check_arguments(a);
    if (!request) return pass_on(request);
    const bool is_live = !is_capture(a.sources.front());
    if (is_live && a.sources.size() > 1)
        return fail(Errc::Invalid, fmt::format("{}: no such file; an interface is calibrated alone",
                                               a.sources.front()));
    auto stop = StopSignal::install();
    if (!stop) return pass_on(stop);
    auto output = Output::open(a.probe.output);
    if (!output) return pass_on(output);
    const double window_s = std::chrono::duration<double>(request->window).count();
    const auto windows = static_cast<std::uint64_t>(std::ceil(a.seconds / window_s));
    CalibrationSink sink(is_live ? windows : 0);
    if (auto r = gather(a, *request, sink, *stop, windows); !r) return r;
    sink.progress.erase();
    if (sink.seen.flows() == 0)
        return fail(Errc::Invalid, "no flow was seen: there is nothing to calibrate with",
                    "a busier time, a longer --seconds, or a capture of ordinary traffic");
    CalibrationReport report = report_of(sink.seen, a.wanted);
    report.model = request->model.file;
    report.window_s = window_s;
    return output->write(a.probe.as_json() ? calibration_json(report) : calibration_text(report));
}

}  // namespace

Run add_calibrate(CLI::App& model) {
    CLI::App* verb = model.add_subcommand(
        "calibrate", "Suggest a threshold for a wanted rate of false alarms on your own traffic");
    auto a = std::make_shared<CalibrateArguments>();
    add_probe_options(*verb, a->probe);
    verb->add_option("--wanted", a->wanted, "Share of benign flows that may be called an attack")
        ->type_name("SHARE")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    verb->add_option("--seconds", a->seconds,
                     "How long to look at an interface; Ctrl-C ends it sooner")
        ->type_name("N")
        ->check(CLI::Range(0.05, 1e6))
        ->capture_default_str();
    verb->add_option("sources", a->sources,
                     "Captures of ordinary traffic (pcap, pcapng), or one network interface")
        ->required()
        ->type_name("FILE|INTERFACE");
    verb->footer(
        "All of it is taken for benign: an attack among it raises the threshold.\n"
        "Examples:\n"
        "  weir model calibrate monday.pcap tuesday.pcap\n"
        "  weir model calibrate --seconds 3600 --wanted 0.0001 eth0\n"
        "  weir model calibrate -m lucid.h5 --profile lucid11,ip_flags=0x4000 --format json "
        "day.pcap");
    return [a] {
        auto done = calibrate(*a);
        return done ? 0 : print_error(done.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

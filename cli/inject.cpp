// SPDX-License-Identifier: Apache-2.0
// weir inject: a probe on an interface, a report every window.
#include <fmt/format.h>

#include "bpf/interface.h"
#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/sinks.h"
#include "cli/stop_signal.h"
#include "cli/verbs.h"
#include "util/memory.h"
#include "weir/engine.h"

namespace weir::cli {
namespace {

struct InjectArguments {
    ProbeArguments probe;
    std::string interface;
    std::string xdp_mode = "skb";
    bool is_strict = false;
    long windows = 0;
};

Result<AttachMode> parse_mode(const std::string& text) {
    // The numbers are those of the kernel's XDP_FLAGS_*_MODE, as the classic injector takes them.
    if (text == "skb" || text == "2") return AttachMode::Skb;
    if (text == "drv" || text == "4") return AttachMode::Drv;
    if (text == "hw" || text == "8") return AttachMode::Hw;
    return fail(Errc::Invalid, fmt::format("-x {}: not an XDP mode", text),
                "skb, drv, hw, or 2, 4, 8");
}

/// Everything that can be said before a compiler starts or the kernel is asked to load.
Result<InjectOptions> check_arguments(const InjectArguments& a) {
    auto probe = to_probe_options(a.probe);
    if (!probe) return pass_on(probe);
    auto analysis = to_analysis(a.probe);
    auto window = parse_window(a.probe.time_window);
    if (!window) return pass_on(window);
    auto mode = parse_mode(a.xdp_mode);
    if (!mode) return pass_on(mode);
    if (auto r = check_files(a.probe.bpf, analysis); !r) return pass_on(r);
    if (auto interface = bpf::interface_index(a.interface); !interface) return pass_on(interface);
    if (auto r = check_profile(a.probe.profile); !r) return pass_on(r);
    InjectOptions options;
    options.probe = std::move(*probe);
    options.extractor = std::move(analysis.extractor);
    options.model = std::move(analysis.model);
    options.on_notice = print_notice;
    options.on_log = print_log;
    options.interface = a.interface;
    options.hook = to_hook(a.probe);
    options.window = *window;
    options.mode = *mode;
    options.is_strict = a.is_strict;
    options.max_windows = static_cast<std::uint64_t>(a.windows);
    return options;
}

Result<> inject(const InjectArguments& a) {
    auto options = check_arguments(a);
    if (!options) return pass_on(options);
    auto stop = StopSignal::install();
    if (!stop) return pass_on(stop);
    auto output = Output::open(a.probe.output);
    if (!output) return pass_on(output);
    if (a.probe.as_json()) leave_standard_output();
    // Until then a signal ends the process; from there on it closes the open window.
    options->before_attach = [&](std::uint64_t map_bytes) {
        print_notice("memory for the maps of both clones: " + weir::bytes_text(map_bytes));
        stop->arm();
    };
    auto engine = Engine::inject(*options);
    if (!engine) return pass_on(engine);
    for (const std::string& notice : engine->notices()) print_notice(notice);
    // From here on only maps are read and the link is held: nothing needs more than these.
    drop_capabilities();
    auto sink =
        (a.probe.as_json() ? make_json_sink : make_text_sink)(std::move(*output), a.probe.sink());
    return engine->run(*sink, stop->fd());
}

}  // namespace

Run add_inject(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("inject", "Put a probe on an interface; report every window");
    auto a = std::make_shared<InjectArguments>();
    add_probe_options(*verb, a->probe);
    verb->add_option("-x,--xdp_mode,--xdp-mode", a->xdp_mode,
                     "skb|drv|hw or 2|4|8; falls back to skb with a notice")
        ->type_name("MODE")
        ->capture_default_str();
    verb->add_flag("--strict-mode", a->is_strict, "Fail rather than fall back to skb");
    verb->add_option("--windows", a->windows, "Stop after N windows (default: run until Ctrl-C)")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    verb->add_option("interface", a->interface, "Network interface")
        ->required()
        ->type_name("INTERFACE");
    verb->footer(
        "Examples:\n"
        "  weir inject eth0                   the probe ddos and the model that is shipped with "
        "it\n"
        "  weir inject -m none eth0           flows without scores\n"
        "  weir inject -b count.bpf.c -t 0.5 -x drv eth0\n"
        "  weir inject -b ebpf.c --cflags '-DPORT=443' --format json --windows 10 eth0\n"
        "  weir inject -m lucid.h5 --profile lucid11,ip_flags=0x4000 eth0\n"
        "  weir inject -m lucid.h5 --threshold 0.9 --max-alerts 100 --format json eth0");
    return [a] {
        auto done = inject(*a);
        return done ? 0 : print_error(done.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

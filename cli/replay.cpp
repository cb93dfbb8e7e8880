// SPDX-License-Identifier: Apache-2.0
// weir replay: its command line is fixed; the verb itself is not built yet and says so.
#include <fmt/format.h>

#include <filesystem>

#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

struct ReplayArguments {
    ProbeArguments probe;
    std::string file;
    std::string window_rule = "fixed";
    std::string dataset;
    std::string label;
};

Result<> replay(const ReplayArguments& a) {
    if (auto options = to_inject_options(a.probe); !options) return pass_on(options);
    std::error_code ignored;
    if (!std::filesystem::exists(a.file, ignored))
        return fail(Errc::NotFound, fmt::format("capture {}: no such file", a.file));
    if (auto r = check_files(a.probe); !r) return r;
    return fail(Errc::Unsupported, fmt::format("replay {}: replay is not built yet", a.file));
}

}  // namespace

Run add_replay(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("replay", "Run a probe on a capture (not built yet)");
    auto a = std::make_shared<ReplayArguments>();
    add_probe_options(*verb, a->probe);
    verb->add_option("--window-rule", a->window_rule,
                     "fixed: a grid; lucid: restart at the first packet after")
        ->check(CLI::IsMember({"fixed", "lucid"}))
        ->capture_default_str();
    verb->add_option("--dataset", a->dataset, "Write a data set in LUCID's format")
        ->type_name("OUT.h5");
    verb->add_option("--label", a->label, "Who is an attacker: attacker=172.16.0.5,...")
        ->type_name("LABEL");
    verb->add_option("file", a->file, "Capture: pcap or pcapng")->required()->type_name("FILE");
    return [a] {
        auto done = replay(*a);
        return done ? 0 : print_error(done.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

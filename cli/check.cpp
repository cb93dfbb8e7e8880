// SPDX-License-Identifier: Apache-2.0
// weir check: compile, load, verify; print what there is; attach nothing.
#include "cli/check_report.h"
#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/probe_check.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

struct CheckArguments {
    ProbeArguments probe;
};

Result<CheckReport> check(const CheckArguments& a) {
    auto options = to_probe_options(a.probe);
    if (!options) return pass_on(options);
    return check_probe({.probe = std::move(*options), .hook = to_hook(a.probe)});
}

}  // namespace

Run add_check(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("check", "Compile, load and verify a probe; attach nothing");
    auto a = std::make_shared<CheckArguments>();
    verb->add_option("probe", a->probe.bpf, "Shipped name, directory, .c or .o")
        ->required()
        ->type_name("PROBE");
    add_build_options(*verb, a->probe);
    verb->footer("Examples:\n  weir check flows\n  weir check --program xdp_pass_func prog.c");
    return [a] {
        auto report = check(*a);
        if (!report) return print_error(report.error(), a->probe.is_verbose);
        auto output = Output::open("");
        if (!output) return print_error(output.error(), a->probe.is_verbose);
        const std::string text = a->probe.as_json() ? check_json(*report) : check_text(*report);
        auto written = output->write(text);
        return written ? 0 : print_error(written.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

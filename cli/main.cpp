// SPDX-License-Identifier: Apache-2.0
// weir: eBPF probes on a network interface, one exact and typed picture a window.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "cli/output.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

constexpr const char* kFooter = R"(
Examples:
  weir inject eth0                         the default probe, a window every 10 s
  weir inject -b count.bpf.c -t 1 eth0     your own probe: libbpf style, BCC dialect or <weir/probe.h>
  weir inject -t 2 --format json eth0      one JSON object per window on standard output
  weir replay -b count.bpf.c dump.pcap     the same on a capture, in the capture's time
  weir inject -m lucid.h5 --profile lucid11,ip_flags=0x4000 eth0
                                           a neural network names attacks, attackers and victims
  weir replay --dataset set.h5 --label attacker=172.16.0.5 dump.pcap
                                           a capture as a data set that a network learns from
  weir run chain.toml                      the probes of a policy file, several on each interface
  weir model score lucid.h5 test.hdf5      how well a neural network tells attacks
  weir check count.bpf.c                   compile, load and verify; attach nothing
  weir doctor                              what works on this machine, and what does not

Exit codes: 0 done; 2 usage or compile error; 3 privileges; 4 not found; 5 interface busy;
            6 rejected by the verifier, or a model that does not fit; 7 unsupported;
            8 input/output; 130 second signal.)";

/// The innermost verb that was given; the program itself where none was.
const CLI::App& innermost(const CLI::App& app) {
    const CLI::App* verb = &app;
    while (!verb->get_subcommands().empty()) verb = verb->get_subcommands().front();
    return *verb;
}

/// "weir", "weir model", "weir model score".
std::string command_of(const CLI::App& verb) {
    const CLI::App* parent = verb.get_parent();
    return parent == nullptr ? verb.get_name() : command_of(*parent) + " " + verb.get_name();
}

/// "show, convert and score".
std::string verbs_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(verb->get_name());
    const std::string last = names.back();
    names.pop_back();
    return fmt::format("{} and {}", fmt::join(names, ", "), last);
}

/// CLI11 lists all that was left over, in no order; the option that it does not know comes first.
std::string describe(const CLI::App& app, const CLI::ParseError& error) {
    const std::vector<std::string> rest = app.remaining(true);
    for (const std::string& left : rest)
        if (left.starts_with("-")) return fmt::format("{}: no such option", left);
    const CLI::App& verb = innermost(app);
    const bool has_verbs = verb.get_require_subcommand_min() > 0;
    if (has_verbs && !rest.empty())
        return fmt::format("{}: no such verb; {} has {}", rest.front(), command_of(verb),
                           verbs_of(verb));
    return error.what();
}

int real_main(int argc, char** argv) {
    CLI::App app(
        "weir injects eBPF probes into network interfaces and reports every time window exactly.",
        "weir");
    app.footer(kFooter + 1);
    app.set_version_flag("--version", "weir " WEIR_VERSION);
    app.require_subcommand(1);
    const std::vector<std::pair<const char*, Run>> verbs = {
        {"inject", add_inject(app)}, {"replay", add_replay(app)}, {"run", add_run(app)},
        {"model", add_model(app)},   {"check", add_check(app)},   {"doctor", add_doctor(app)},
    };
    try {  // CLI11 throws; nothing else does
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {
        return app.exit(e);  // --help, --version
    } catch (const CLI::ParseError& e) {
        return print_error({.code = Errc::Invalid,
                            .message = describe(app, e),
                            .log = {},
                            .hint = command_of(innermost(app)) + " --help"},
                           false);
    }
    for (const auto& [name, run] : verbs)
        if (app.got_subcommand(name)) return run();
    return exit_code(Errc::Invalid);
}

}  // namespace
}  // namespace weir::cli

int main(int argc, char** argv) {
    try {
        return weir::cli::real_main(argc, argv);
    } catch (const std::exception& e) {  // a library's: out of memory, a locale that is not there
        std::fprintf(stderr, "weir: %s\n", e.what());
        return weir::exit_code(weir::Errc::Io);
    }
}

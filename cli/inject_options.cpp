// SPDX-License-Identifier: Apache-2.0
#include "cli/inject_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>

#include "cli/output.h"
#include "model/profile.h"
#include "probe/locate.h"
#include "util/paths.h"
#include "util/privileges.h"

namespace weir::cli {
namespace {

/// None where the option was not given.
std::optional<std::size_t> wanted(long option) {
    return option >= 0 ? std::optional(static_cast<std::size_t>(option)) : std::nullopt;
}

Result<std::pair<std::string, std::string>> parse_setting(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::size_t dot = text.find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot > equals ||
        equals + 1 == text.size())
        return fail(Errc::Invalid, "--set " + text + ": not of the form PROBE.PARAM=VALUE");
    return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

/// The model that is shipped with the probe, where nobody says how windows are to be looked at.
std::string own_model(const ProbeArguments& a) {
    if (a.extractor != "auto" || !a.profile.empty()) return "none";
    const std::string model = named_model(a.bpf);
    return model == a.bpf ? "none" : model;
}

/// For who misspelt the name of a model.
std::string shipped_hint() {
    const std::vector<std::string> shipped = shipped_models();
    return shipped.empty() ? "" : fmt::format("models by name: {}", fmt::join(shipped, ", "));
}

}  // namespace

std::size_t ProbeArguments::row_limit() const {
    return policy::row_limit(wanted(max_rows), as_json());
}

std::size_t ProbeArguments::alert_limit() const {
    return policy::alert_limit(wanted(max_alerts), as_json(), !alerts.empty());
}

SinkOptions ProbeArguments::sink() const {
    return {.max_rows = row_limit(), .max_alerts = alert_limit()};
}

void add_build_options(CLI::App& app, ProbeArguments& a) {
    app.add_option("--format", a.format, "text for people, json for programs (one line a window)")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    app.add_option("--hook", a.hook,
                   "xdp, tc-ingress, tc-egress; auto: xdp, or tc-ingress for a tc program")
        ->check(CLI::IsMember({"auto", "xdp", "tc-ingress", "tc-egress"}))
        ->capture_default_str();
    app.add_option("--program", a.program, "Entry function, where the source has several")
        ->type_name("NAME");
    app.add_option("--cflags", a.cflags,
                   "More flags for clang, as one word: --cflags '-DPORT=80 -Wall'")
        ->type_name("FLAGS")
        ->allow_extra_args(false);
    app.add_option("--window", a.window_maps, "Clear this map after each window (repeatable)")
        ->type_name("MAP")
        ->allow_extra_args(false);
    app.add_option("--persist", a.persist_maps,
                   "Never clear this map, share it between clones (repeatable)")
        ->type_name("MAP")
        ->allow_extra_args(false);
    app.add_option(
           "--set", a.settings,
           "Set a parameter (const volatile), PROBE.max_flows, or PROBE.MAP.max_entries (k, M, G)")
        ->type_name("PROBE.PARAM=VALUE")
        ->allow_extra_args(false);
    app.add_flag("-v,--verbose", a.is_verbose,
                 "On failure, print the whole compiler or verifier log");
}

void add_probe_options(CLI::App& app, ProbeArguments& a) {
    app.add_option("-b,--bpf", a.bpf, "Probe: shipped name, directory, .c or .o")
        ->envname("WEIR_BPF")
        ->type_name("PROBE")
        ->capture_default_str();
    app.add_option(
           "-m,--model", a.model,
           "Model: .h5, .keras, .onnx, a shipped one's name, none, or auto: the probe's own")
        ->envname("WEIR_MODEL")
        ->type_name("MODEL")
        ->capture_default_str();
    app.add_option("-e,--extractor", a.extractor, "Extractor: .py, .so, .cpp, or auto")
        ->envname("WEIR_EXTRACTOR")
        ->type_name("EXTRACTOR")
        ->capture_default_str();
    app.add_option("-t,--time_window,--time-window", a.time_window,
                   "Length of a window, at least 0.05")
        ->type_name("SECONDS")
        ->capture_default_str();
    add_build_options(app, a);
    app.add_option("--output", a.output, "Write windows here instead of standard output")
        ->type_name("FILE");
    app.add_option("--max-rows", a.max_rows,
                   "Rows of a table to show (default: 100 in text, all in JSON; 0: none)")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--profile", a.profile,
                   "Features of the model: FILE.toml, or lucid11 or lucid6, with "
                   "[,ip_flags=0x02|0x40|0x4000][,ack=relative|raw]")
        ->type_name("PROFILE");
    app.add_option("--threshold", a.threshold,
                   "Score above which a flow is an attack (default: the profile's, else 0.5)")
        ->type_name("SCORE")
        ->check(CLI::Range(0.0, 1.0));
    app.add_option("--threads", a.threads, "Threads that run the model")
        ->type_name("N")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    app.add_option("--device", a.device, "cpu, or cuda where ONNX Runtime has it")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    app.add_option("--max-alerts", a.max_alerts,
                   "Alerts to show a window (default: 10 in text, all in JSON; 0: none)")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--alerts", a.alerts, "all: every flow with its score (with a model)")
        ->check(CLI::IsMember({"all"}));
}

Result<std::chrono::nanoseconds> parse_window(const std::string& text) {
    double seconds = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || stop != text.data() + text.size())
        return fail(Errc::Invalid, fmt::format("-t {}: not a number of seconds", text));
    auto length = policy::window_length(seconds);
    if (!length) return wrap(length, "-t " + text);
    return length;
}

std::optional<Hook> to_hook(const ProbeArguments& a) { return parse_hook(a.hook); }

Result<ProbeOptions> to_probe_options(const ProbeArguments& a) {
    ProbeOptions options;
    options.file = a.bpf;
    options.program = a.program;
    options.window_maps = a.window_maps;
    options.persist_maps = a.persist_maps;
    for (const std::string& flags : a.cflags) {
        auto words = policy::split_words(flags);
        if (!words) return wrap(words, "--cflags");
        options.cflags.insert(options.cflags.end(), words->begin(), words->end());
    }
    for (const std::string& text : a.settings) {
        auto setting = parse_setting(text);
        if (!setting) return pass_on(setting);
        options.settings.push_back(std::move(*setting));
    }
    return options;
}

policy::Analysis to_analysis(const ProbeArguments& a) {
    const bool is_own = a.model == "auto";
    return policy::assign_model(a.extractor, {.file = is_own ? own_model(a) : named_model(a.model),
                                              .is_optional = is_own,
                                              .profile = a.profile,
                                              .threshold = a.threshold,
                                              .use_cuda = a.device == "cuda",
                                              .threads = a.threads,
                                              .max_alerts = a.alert_limit(),
                                              .lists_all = a.alerts == "all"});
}

/// Where CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON, it has to stay.
void drop_capabilities(const LaterNeeds& needs) {
    const auto held = effective_capabilities();
    const bool is_admin = held && !held->has(Capability::Bpf);
    const CapabilitySet kernel =
        is_admin ? CapabilitySet{Capability::SysAdmin, Capability::NetAdmin}
                 : CapabilitySet{Capability::Bpf, Capability::NetAdmin, Capability::Perfmon};
    const CapabilitySet files =
        needs.makes_files ? CapabilitySet{Capability::DacOverride} : CapabilitySet{};
    if (auto r = keep_only(CapabilitySet::from_bits(kernel.bits() | files.bits())); !r)
        print_notice("capabilities are kept: " + r.error().message);
}

Result<> check_exists(const std::string& what, const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return {};
    return fail(Errc::NotFound, fmt::format("{} {}: no such file", what, path));
}

Result<> check_files(const std::string& probe, const policy::Analysis& analysis) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    if (auto found = locate_probe(probe, *share); !found) return pass_on(found);
    const std::string& model = analysis.extractor.model;
    if (!model.empty())
        if (auto r = check_exists("model", model); !r)
            return fail(r.error().code, r.error().message, shipped_hint());
    const std::string& extractor = analysis.extractor.file;
    if (!extractor.empty())
        if (auto r = check_exists("extractor", extractor); !r) return r;
    return {};
}

Result<> check_profile(const std::string& profile) {
    if (profile.empty()) return {};
    auto found = model::find_profile(profile);
    if (!found) return pass_on(found);
    return {};
}

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/inject_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

#include "cli/output.h"
#include "model/profile.h"
#include "probe/locate.h"
#include "util/paths.h"
#include "util/privileges.h"

namespace weir::cli {
namespace {

constexpr std::size_t kTextRows = 100;
constexpr std::size_t kTextAlerts = 10;

bool is_model(const ProbeArguments& a) { return !a.model.empty() && a.model != "none"; }
bool is_extractor(const ProbeArguments& a) { return !a.extractor.empty() && a.extractor != "auto"; }

Result<std::pair<std::string, std::string>> parse_setting(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::size_t dot = text.find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot > equals ||
        equals + 1 == text.size())
        return fail(Errc::Invalid, "--set " + text + ": not of the form PROBE.PARAM=VALUE");
    return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

std::size_t ProbeArguments::row_limit() const {
    if (max_rows >= 0) return static_cast<std::size_t>(max_rows);
    return as_json() ? std::numeric_limits<std::size_t>::max() : kTextRows;
}

std::size_t ProbeArguments::alert_limit() const {
    if (max_alerts >= 0) return static_cast<std::size_t>(max_alerts);
    return as_json() || !alerts.empty() ? std::numeric_limits<std::size_t>::max() : kTextAlerts;
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
    app.add_option("-m,--model", a.model, "Model: .h5, .keras, .onnx, or none")
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
    if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(seconds))
        return fail(Errc::Invalid, fmt::format("-t {}: not a number of seconds", text));
    if (seconds < 0.05)
        return fail(Errc::Invalid, fmt::format("-t {}: a window is 0.05 s at least", text));
    if (seconds > 1e6)
        return fail(Errc::Invalid, fmt::format("-t {}: a window is 1,000,000 s at most", text));
    return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

Result<std::vector<std::string>> split_words(const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    char quote = 0;
    bool is_in_word = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
            word += text[++i];
            is_in_word = true;
        } else if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            is_in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (is_in_word) words.push_back(std::exchange(word, {}));
            is_in_word = false;
        } else {
            word += c;
            is_in_word = true;
        }
    }
    if (quote != 0) return fail(Errc::Invalid, "--cflags " + text + ": a quote is not closed");
    if (is_in_word) words.push_back(word);
    return words;
}

std::optional<Hook> to_hook(const ProbeArguments& a) { return parse_hook(a.hook); }

Result<ProbeOptions> to_probe_options(const ProbeArguments& a) {
    ProbeOptions options;
    options.file = a.bpf;
    options.program = a.program;
    options.window_maps = a.window_maps;
    options.persist_maps = a.persist_maps;
    for (const std::string& flags : a.cflags) {
        auto words = split_words(flags);
        if (!words) return pass_on(words);
        options.cflags.insert(options.cflags.end(), words->begin(), words->end());
    }
    for (const std::string& text : a.settings) {
        auto setting = parse_setting(text);
        if (!setting) return pass_on(setting);
        options.settings.push_back(std::move(*setting));
    }
    return options;
}

ExtractorOptions to_extractor_options(const ProbeArguments& a) {
    return {.file = is_extractor(a) ? a.extractor : "", .model = is_model(a) ? a.model : ""};
}

ModelOptions to_model_options(const ProbeArguments& a) {
    if (!is_model(a) || a.extractor.ends_with(".py")) return {};  // a script runs it itself
    return {.file = a.model,
            .profile = a.profile,
            .threshold = a.threshold,
            .use_cuda = a.device == "cuda",
            .threads = a.threads,
            .max_alerts = a.alert_limit(),
            .lists_all = a.alerts == "all"};
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

Result<> check_files(const ProbeArguments& a) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    if (auto probe = locate_probe(a.bpf, *share); !probe) return pass_on(probe);
    if (is_model(a))
        if (auto r = check_exists("model", a.model); !r) return r;
    if (is_extractor(a))
        if (auto r = check_exists("extractor", a.extractor); !r) return r;
    return {};
}

Result<> check_profile(const ProbeArguments& a) {
    if (a.profile.empty()) return {};
    auto profile = model::find_profile(a.profile);
    if (!profile) return pass_on(profile);
    return {};
}

}  // namespace weir::cli

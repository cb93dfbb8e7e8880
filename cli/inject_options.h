// SPDX-License-Identifier: Apache-2.0
#pragma once
// The options that `weir inject` and `weir replay` share (docs/design.md, "Command line"), and what
// is checked of them before anything is compiled.
#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/sinks.h"
#include "policy/option_words.h"
#include "weir/engine.h"
#include "weir/result.h"

namespace weir::cli {

struct ProbeArguments {
    std::string bpf = "ddos";
    std::string model = "auto";
    std::string extractor = "auto";
    std::string time_window = "10";
    std::string format = "text";
    std::string output;
    std::string profile;
    std::string alerts;
    std::optional<double> threshold;
    int threads = 1;
    std::string device = "cpu";
    long max_alerts = -1;
    long max_rows = -1;
    std::string hook = "auto";
    std::string program;
    std::vector<std::string> cflags;
    std::vector<std::string> window_maps;
    std::vector<std::string> persist_maps;
    std::vector<std::string> settings;
    bool is_verbose = false;

    [[nodiscard]] bool as_json() const { return format == "json"; }
    [[nodiscard]] std::size_t row_limit() const;
    [[nodiscard]] std::size_t alert_limit() const;
    [[nodiscard]] SinkOptions sink() const;
};

/// Adds the options that say how a probe is built: what `weir check` needs too.
void add_build_options(CLI::App& app, ProbeArguments& arguments);
/// Adds the shared options of inject and replay, the build options among them.
void add_probe_options(CLI::App& app, ProbeArguments& arguments);

/// Seconds, fractions allowed. Errors: Invalid (no number, under 0.05).
[[nodiscard]] Result<std::chrono::nanoseconds> parse_window(const std::string& text);

/// --hook; nothing for auto, which leaves it to the program.
[[nodiscard]] std::optional<Hook> to_hook(const ProbeArguments& arguments);
/// Errors: Invalid.
[[nodiscard]] Result<ProbeOptions> to_probe_options(const ProbeArguments& arguments);
/// Who looks at the windows.
[[nodiscard]] policy::Analysis to_analysis(const ProbeArguments& a);

/// What inject and replay do once all is loaded, besides map calls, running programs, holding
/// links.
struct LaterNeeds {
    bool makes_files = false;  ///< where root may write although the folder is another user's
};

/// Keeps only what is needed from then on. A failure is a notice.
void drop_capabilities(const LaterNeeds& needs = {});

/// "WHAT PATH: no such file". Errors: NotFound.
[[nodiscard]] Result<> check_exists(const std::string& what, const std::string& path);
/// That probe, model and extractor are there. Errors: NotFound, with the name.
[[nodiscard]] Result<> check_files(const std::string& probe, const policy::Analysis& analysis);
/// That --profile names one; empty: none is wanted. Errors: those of model::find_profile().
[[nodiscard]] Result<> check_profile(const std::string& profile);

}  // namespace weir::cli

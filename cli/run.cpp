// SPDX-License-Identifier: Apache-2.0
// weir run: the probes of a policy, each where it belongs, changed while packets flow.
#include <fmt/format.h>

#include "cli/columns.h"
#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/outputs.h"
#include "cli/policy_files.h"
#include "cli/policy_plan.h"
#include "cli/probe_check.h"
#include "cli/reload_signal.h"
#include "cli/sinks.h"
#include "cli/stop_signal.h"
#include "cli/verbs.h"
#include "policy/key.h"
#include "policy/option_words.h"
#include "policy/policy_file.h"
#include "util/memory.h"
#include "weir/policy.h"

namespace weir::cli {
namespace {

struct RunArguments {
    std::string file;
    std::string format = "text";
    long windows = 0;
    bool only_checks = false;
    bool only_lists_keys = false;
    bool watches = false;
    bool is_verbose = false;
};

/// Everything that can be said before a compiler starts or the kernel is asked to load.
Result<Policy> read_checked(const std::string& file) {
    auto read = policy::read_policy(file);
    if (!read) return read;
    if (auto r = check_policy_files(file, *read); !r) return pass_on(r);
    return read;
}

/// A policy that is read anew when it is asked for, and the files that its probes write to.
class Source {
public:
    Source(const RunArguments& a, ReloadSignal signal, Outputs outputs)
        : file_(a.file),
          watches_(a.watches),
          signal_(std::move(signal)),
          outputs_(std::move(outputs)) {}

    /// Reads it; opens outputs that are new. On error what was read before stays.
    [[nodiscard]] Result<Policy> read() {
        // The file before its content, and what it names before any of that is checked: what is
        // mended then wakes us.
        if (auto r = watch(current_); !r) return pass_on(r);
        auto next = policy::read_policy(file_);
        if (!next) return next;
        if (auto r = watch(*next); !r) return pass_on(r);
        if (auto r = check_policy_files(file_, *next); !r) return pass_on(r);
        if (auto r = outputs_.open(*next); !r) return pass_on(r);
        current_ = *next;
        return next;
    }

    /// The same policy as before where files were written with the same content.
    [[nodiscard]] Result<Policy> read_again() {
        auto is_other = signal_.take();
        if (!is_other) return pass_on(is_other);
        return *is_other ? read() : Result<Policy>(current_);
    }

    [[nodiscard]] int fd() const { return signal_.fd(); }

    [[nodiscard]] std::unique_ptr<WindowSink> make_sink(const PolicyProbe& probe) const {
        const ReportOptions& report = probe.report;
        const SinkOptions options{.max_rows = policy::row_limit(report.max_rows, report.as_json),
                                  .max_alerts = policy::alert_limit(
                                      report.max_alerts, report.as_json, probe.model.lists_all)};
        return (report.as_json ? make_json_sink : make_text_sink)(outputs_.at(report.output),
                                                                  options);
    }

private:
    [[nodiscard]] Result<> watch(const Policy& of) {
        return watches_ ? signal_.watch(watched_files(file_, of)) : Result<>{};
    }

    std::string file_;
    bool watches_;
    ReloadSignal signal_;
    Outputs outputs_;
    Policy current_ = {};
};

/// Runs until a signal, or max_windows.
Result<> put_to_work(RunOptions options, StopSignal& stop) {
    auto engine = Engine::start(std::move(options));
    if (!engine) return pass_on(engine);
    for (const std::string& notice : engine->notices()) print_notice(notice);
    stop.arm();  // also where no interface is there yet
    // From here on only maps are read, programs loaded and links made: nothing needs more.
    drop_capabilities();
    return engine->run(stop.fd());
}

Result<> run(const RunArguments& a) {
    auto signal = ReloadSignal::install();
    if (!signal) return pass_on(signal);
    auto outputs = Outputs::create();
    if (!outputs) return pass_on(outputs);
    Source source(a, std::move(*signal), std::move(*outputs));
    auto read = source.read();
    if (!read) return pass_on(read);
    auto stop = StopSignal::install();
    if (!stop) return pass_on(stop);
    // What extractors print must not come between windows; a reload may make any output JSON.
    leave_standard_output();
    RunOptions options;
    options.policy = std::move(*read);
    options.make_sink = [&](const PolicyProbe& probe) { return source.make_sink(probe); };
    options.reload_fd = source.fd();
    options.reload = [&] { return source.read_again(); };
    options.on_notice = print_notice;
    options.on_log = print_log;
    // Until then a signal ends the process; from there on it closes the open windows.
    options.before_attach = [&](std::uint64_t map_bytes) {
        print_notice("memory for the maps of both clones: " + bytes_text(map_bytes));
        stop->arm();
    };
    options.max_windows = static_cast<std::uint64_t>(a.windows);
    return put_to_work(options, *stop);
}

/// Once for each kind of hook that the probe is for.
Result<> check_one(const PolicyProbe& probe, std::size_t place,
                   std::vector<CheckedProbe>& checked) {
    std::vector<std::optional<Hook>> kinds;
    for (const Hook hook : probe.hooks) {
        const auto is_same = [&](const auto& kind) { return is_tc(*kind) == is_tc(hook); };
        if (std::ranges::none_of(kinds, is_same)) kinds.emplace_back(hook);
    }
    if (kinds.empty()) kinds.emplace_back(std::nullopt);
    for (const auto& kind : kinds) {
        auto report = check_probe(
            {.probe = probe.probe, .hook = kind, .model = probe.model, .window = probe.window});
        if (!report) return pass_on(report);
        report->hook = kind.value_or(report->hook);
        checked.push_back({.probe = place, .report = std::move(*report)});
    }
    return {};
}

Result<PolicyPlan> check(const RunArguments& a) {
    auto read = read_checked(a.file);
    if (!read) return pass_on(read);
    PolicyPlan plan{.file = a.file, .policy = std::move(*read), .chains = {}, .checked = {}};
    for (std::size_t place = 0; place < plan.policy.probes.size(); ++place) {
        const PolicyProbe& probe = plan.policy.probes[place];
        if (auto r = check_one(probe, place, plan.checked); !r)
            return wrap(r, a.file + ": probe " + probe.name);
    }
    auto chains = plan_chains(plan.policy, plan.checked);
    if (!chains) return wrap(chains, a.file);
    plan.chains = std::move(*chains);
    return plan;
}

std::string keys_text() {
    std::vector<Row> rows = {{"key", "at the top", "value", "default", "unit", "meaning"}};
    for (const policy::Key& key : policy::keys())
        rows.push_back({std::string(key.name), key.is_common ? "yes" : "-", policy::value_text(key),
                        std::string(key.fallback), key.unit.empty() ? "-" : std::string(key.unit),
                        std::string(key.meaning)});
    return aligned(rows);
}

Result<> print(const std::string& text) {
    auto output = Output::open("");
    if (!output) return pass_on(output);
    return output->write(text);
}

Result<> do_what_was_asked(const RunArguments& a) {
    if (a.only_lists_keys) return print(keys_text());
    if (a.file.empty()) return fail(Errc::Invalid, "no policy", "weir run POLICY.toml");
    if (!a.only_checks) return run(a);
    auto plan = check(a);
    if (!plan) return pass_on(plan);
    return print(a.format == "json" ? plan_json(*plan) : plan_text(*plan));
}

}  // namespace

Run add_run(CLI::App& app) {
    CLI::App* verb = app.add_subcommand(
        "run", "Run the probes of a policy file; change them while packets flow");
    auto a = std::make_shared<RunArguments>();
    verb->add_flag("--check", a->only_checks,
                   "Read the policy, compile, load and verify its probes; attach nothing");
    verb->add_flag("--keys", a->only_lists_keys, "List the keys of a policy");
    verb->add_flag("--watch", a->watches,
                   "Reload when the policy, or a file that it names, has another content");
    verb->add_option("--windows", a->windows,
                     "Stop after N windows of each probe (default: run until Ctrl-C)")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    verb->add_option("--format", a->format, "Of --check: text for people, json for programs")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    verb->add_flag("-v,--verbose", a->is_verbose,
                   "On failure, print the whole compiler or verifier log");
    verb->add_option("policy", a->file, "Policy file (docs/policies.md)")->type_name("POLICY");
    verb->footer(
        "SIGHUP reloads the policy: what changed in it, or in a file that it names, is patched.\n"
        "Examples:\n"
        "  weir run --keys\n"
        "  weir run --check chain.toml\n"
        "  weir run chain.toml\n"
        "  weir run --watch --windows 10 chain.toml");
    return [a] {
        auto done = do_what_was_asked(*a);
        return done ? 0 : print_error(done.error(), a->is_verbose);
    };
}

}  // namespace weir::cli

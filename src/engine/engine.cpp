// SPDX-License-Identifier: Apache-2.0
#include "weir/engine.h"

#include "bpf/interface.h"
#include "engine/loop.h"
#include "probe/locate.h"
#include "util/paths.h"
#include "util/privileges.h"
#include "weir/policy.h"

namespace weir {

struct Engine::State {
    std::unique_ptr<EngineLoop> loop;
    bool has_run = false;
};

namespace {

/// A policy of one probe on one interface.
RunOptions to_run_options(const InjectOptions& options, std::string name) {
    PolicyProbe probe{.name = std::move(name),
                      .probe = options.probe,
                      .extractor = options.extractor,
                      .model = options.model,
                      .interfaces = {options.interface},
                      .hooks = {},
                      .mode = options.mode,
                      .is_strict = options.is_strict,
                      .window = options.window};
    if (options.hook) probe.hooks.push_back(*options.hook);
    RunOptions run;
    run.policy.probes.push_back(std::move(probe));
    run.on_notice = options.on_notice;
    run.on_log = options.on_log;
    run.before_attach = options.before_attach;
    run.max_windows = options.max_windows;
    return run;
}

Result<> check_windows(const Policy& policy) {
    for (const PolicyProbe& probe : policy.probes)
        if (probe.window < kMinWindow) return fail(Errc::Invalid, "a window is 0.05 s at least");
    return {};
}

/// Files, names and privileges are looked at before a compiler runs.
Result<std::unique_ptr<EngineLoop>> start_loop(LoopOptions options,
                                               const std::filesystem::path& share) {
    if (auto r = check_windows(options.run.policy); !r) return pass_on(r);
    if (auto r = require_inject_privileges(); !r) return pass_on(r);
    auto loop = EngineLoop::create(std::move(options), share);
    if (!loop) return loop;
    if (auto r = (*loop)->start(); !r) return pass_on(r);
    return loop;
}

}  // namespace

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::inject(const InjectOptions& options) {
    if (options.window < kMinWindow) return fail(Errc::Invalid, "a window is 0.05 s at least");
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto file = locate_probe(options.probe.file, *share);
    if (!file) return pass_on(file);
    if (auto interface = bpf::interface_index(options.interface); !interface)
        return pass_on(interface);
    auto loop = start_loop(
        {.run = to_run_options(options, file->name), .ends_without_interface = true}, *share);
    if (!loop) return pass_on(loop);
    return Engine(std::make_unique<State>(State{.loop = std::move(*loop), .has_run = false}));
}

Result<Engine> Engine::start(RunOptions options) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto loop = start_loop({.run = std::move(options), .ends_without_interface = false}, *share);
    if (!loop) return pass_on(loop);
    return Engine(std::make_unique<State>(State{.loop = std::move(*loop), .has_run = false}));
}

const std::vector<std::string>& Engine::notices() const { return state_->loop->notices(); }

std::string Engine::mode() const {
    const auto& hooks = state_->loop->hooks();
    return hooks.empty() ? "" : hooks.front()->mode;
}

Result<> Engine::run(WindowSink& sink, int stop_fd) { return run_loop(&sink, stop_fd); }
Result<> Engine::run(int stop_fd) { return run_loop(nullptr, stop_fd); }

Result<> Engine::run_loop(WindowSink* sink, int stop_fd) {
    // A second loop would count the packets of the first one's windows again.
    if (std::exchange(state_->has_run, true)) return fail(Errc::Invalid, "an engine runs once");
    return state_->loop->run(sink, stop_fd);
}

}  // namespace weir

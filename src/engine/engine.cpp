// SPDX-License-Identifier: Apache-2.0
#include "weir/engine.h"

#include "chain/chain.h"
#include "chain/grace.h"
#include "engine/loop.h"
#include "engine/session.h"
#include "engine/setup.h"
#include "util/clock.h"
#include "util/paths.h"
#include "util/privileges.h"

namespace weir {

struct Engine::State {
    Chain chain;
    Grace grace;
    std::vector<std::unique_ptr<ProbeSession>> sessions;  // one per slot; die before the chain
    bpf::InterfaceWatch watch;
    LoopOptions loop;
    std::vector<std::string> notices;
    bool has_run = false;
};

namespace {

bpf::XdpMode to_xdp_mode(AttachMode mode) {
    switch (mode) {
        case AttachMode::Skb: return bpf::XdpMode::Skb;
        case AttachMode::Drv: return bpf::XdpMode::Drv;
        case AttachMode::Hw: return bpf::XdpMode::Hw;
    }
    return bpf::XdpMode::Skb;
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
    auto interface = bpf::interface_index(options.interface);
    if (!interface) return pass_on(interface);
    auto watch = bpf::InterfaceWatch::open(*interface);
    if (!watch) return pass_on(watch);
    if (auto r = require_inject_privileges(); !r) return pass_on(r);

    const FrameSource frames{.clock = ClockSource::Kernel,
                             .is_raw_ip = bpf::is_raw_ip(*interface).value_or(false),
                             .context = {.interface = options.interface, .window = options.window}};
    auto loaded =
        load_chain(std::move(*file),
                   {.probe = options.probe, .extractor = options.extractor, .model = options.model},
                   *share, frames);
    if (!loaded) return pass_on(loaded);
    auto grace = Grace::create(GraceMethod::Auto);
    if (!grace) return pass_on(grace);
    if (options.before_attach) options.before_attach(loaded->chain.pair(0).map_bytes());
    auto attached = loaded->chain.attach(
        *interface, {.mode = to_xdp_mode(options.mode), .is_strict = options.is_strict});
    if (!attached) return wrap(attached, "attach " + options.interface);

    LoopOptions loop{.interface = options.interface,
                     .mode = bpf::xdp_mode_name(attached->mode),
                     .period = options.window.count(),
                     .attached_ns = monotonic_ns(),
                     .max_windows = options.max_windows,
                     .on_notice = options.on_notice,
                     .stop_fd = -1};
    auto state = std::make_unique<State>(State{.chain = std::move(loaded->chain),
                                               .grace = std::move(*grace),
                                               .sessions = {},
                                               .watch = std::move(*watch),
                                               .loop = std::move(loop),
                                               .notices = std::move(loaded->notices),
                                               .has_run = false});
    state->sessions.push_back(std::move(loaded->session));
    for (std::string& notice : attached->notices) state->notices.push_back(std::move(notice));
    return Engine(std::move(state));
}

const std::vector<std::string>& Engine::notices() const { return state_->notices; }
const std::string& Engine::mode() const { return state_->loop.mode; }

Result<> Engine::run(WindowSink& sink, int stop_fd) {
    // A second loop would count the packets of the first one's windows again.
    if (std::exchange(state_->has_run, true)) return fail(Errc::Invalid, "an engine runs once");
    LoopOptions options = state_->loop;
    options.stop_fd = stop_fd;
    WindowLoop loop(state_->chain, state_->sessions, state_->grace, sink, std::move(options));
    return loop.run(state_->watch);
}

}  // namespace weir

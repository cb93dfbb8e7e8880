// SPDX-License-Identifier: Apache-2.0
#include "weir/replay.h"

#include "engine/replay_loop.h"
#include "engine/setup.h"
#include "util/paths.h"
#include "util/privileges.h"
#include "util/thread_scope.h"

namespace weir {

struct Replay::State {
    ReplayOptions options;
    capture::Reader reader;
    Chain chain;
    LoadedProbe probe;                    // dies before the chain
    ReplayClock clock;                    // dies before the probe
    std::unique_ptr<LogReader> log;       // also; null: the probe sends no messages
    std::optional<EmptyNetwork> network;  // none where it may not be made
    bool has_run = false;
};

Replay::Replay(std::unique_ptr<State> state) : state_(std::move(state)) {}
Replay::Replay(Replay&&) noexcept = default;
Replay& Replay::operator=(Replay&&) noexcept = default;
Replay::~Replay() = default;

namespace {

using namespace std::chrono_literals;

constexpr auto kMaxWindow = 1'000'000s;  // added to a packet's time, it is still a number

/// Redirects lead nowhere, and lookups of routes find nothing of this machine's.
std::optional<EmptyNetwork> enter_empty_network(std::vector<std::string>& notices) {
    auto network = EmptyNetwork::enter();
    if (network) return std::move(*network);
    notices.emplace_back(
        "no empty network namespace (CAP_SYS_ADMIN is missing): the probe sees this machine's "
        "routes and interfaces, and rows of hash maps come in any order");
    return std::nullopt;
}

}  // namespace

Result<Replay> Replay::open(const ReplayOptions& options) {
    if (options.window <= 0s || options.window > kMaxWindow)
        return fail(Errc::Invalid, "a window is longer than 0 s and 1,000,000 s at most");
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto file = locate_probe(options.probe.file, *share);
    if (!file) return pass_on(file);
    auto reader = capture::Reader::open(options.file);
    if (!reader) return pass_on(reader);
    if (auto r = require_inject_privileges(); !r) return pass_on(r);
    auto image = build_probe(options.probe, std::move(*file), options.hook, *share);
    if (!image) return pass_on(image);
    const bool is_foreign = !image->is_wrapped;
    auto chain = Chain::create(image->hook);
    if (!chain) return pass_on(chain);
    const FrameSource frames{
        .clock = ClockSource::Capture,
        .context = {.interface = std::filesystem::path(options.file).filename(),
                    .window = options.window}};
    auto loaded =
        load_probe(std::move(*image),
                   {.probe = options.probe, .extractor = options.extractor, .model = options.model},
                   {.chain = *chain, .slot = 0, .frames = frames}, *share);
    if (!loaded) return pass_on(loaded);
    if (auto r = chain->append(loaded->pair); !r) return pass_on(r);
    auto clock = ReplayClock::open(*loaded->pair);
    if (!clock) return pass_on(clock);
    auto log = LogReader::open(*loaded->pair, {.on_log = options.on_log, .is_replay = true});
    if (!log) return pass_on(log);
    if (is_foreign)
        loaded->notices.emplace_back(
            "the probe is an object: its own clock calls give this "
            "machine's time, not the capture's");
    // The worker is older than this and stays in the machine's network: what it reports may go
    // there.
    auto network = enter_empty_network(loaded->notices);
    return Replay(std::make_unique<State>(State{.options = options,
                                                .reader = std::move(*reader),
                                                .chain = std::move(*chain),
                                                .probe = std::move(*loaded),
                                                .clock = std::move(*clock),
                                                .log = std::move(*log),
                                                .network = std::move(network)}));
}

const std::vector<std::string>& Replay::notices() const { return state_->probe.notices; }

std::vector<Table> Replay::tables() const { return state_->probe.session->unread_tables(); }

Result<ReplaySummary> Replay::run(WindowSink& sink, int stop_fd) {
    if (std::exchange(state_->has_run, true)) return fail(Errc::Invalid, "a replay runs once");
    const OneCpu pinned;
    ReplayLoop loop(state_->chain, *state_->probe.session, state_->clock, state_->reader,
                    state_->log.get(), sink, state_->options);
    return loop.run(stop_fd);
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The packet loop of a replay: cuts windows by packet time, runs packets, closes windows.
//
// No packet runs while a window is read, reported and cleared: what a persistent map holds in a
// window's report would depend on how fast the sink is. Nor is there a grace period to wait for:
// the one thread that runs packets is this one.
//
// Ownership: borrows all it is given. Thread rule: the engine's thread.
#include <optional>
#include <string>

#include "bpf/test_run.h"
#include "capture/reader.h"
#include "chain/chain.h"
#include "engine/cut.h"
#include "engine/log_reader.h"
#include "engine/session.h"
#include "probe/replay_clock.h"
#include "weir/replay.h"

namespace weir {

class ReplayLoop {
public:
    ReplayLoop(Chain& chain, ProbeSession& session, ReplayClock& clock, capture::Reader& reader,
               LogReader* log, WindowSink& sink, const ReplayOptions& options);

    /// Errors: those of Replay::run().
    [[nodiscard]] Result<ReplaySummary> run(int stop_fd);

private:
    [[nodiscard]] Result<> run_packets(int stop_fd);
    [[nodiscard]] Result<> run_packet(const capture::Packet& packet);
    [[nodiscard]] Result<> cut_before(Nanoseconds time);
    [[nodiscard]] Result<> close_window(Nanoseconds start, Nanoseconds end, std::uint64_t skipped);
    [[nodiscard]] Window describe(Nanoseconds start, Nanoseconds end, std::uint64_t skipped) const;
    [[nodiscard]] bool is_last() const {
        return options_.max_windows != 0 && summary_.windows == options_.max_windows;
    }

    Chain& chain_;
    ProbeSession& session_;
    ReplayClock& clock_;
    capture::Reader& reader_;
    LogReader* log_;  // null: the probe sends no messages
    WindowSink& sink_;
    const ReplayOptions& options_;
    bpf::TestRun runs_;
    std::optional<WindowCut> cut_;  // none before the first packet
    Nanoseconds latest_ns_ = 0;     // of the open window's packets
    UnseenFrames unseen_;           // of the open window
    std::uint64_t too_long_ = 0;    // of the file
    std::uint64_t first_too_long_ = 0;
    HookCounts counted_;  // up to the last window of each clone
    ReplaySummary summary_;
};

}  // namespace weir

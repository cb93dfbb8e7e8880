// SPDX-License-Identifier: Apache-2.0
#pragma once
// The window loop of one hook: waits for the grid, for the worker, for the stop and for the
// interface, and closes windows.
//
// Ownership: borrows chain, sessions and grace. Thread rule: the engine's thread.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "chain/chain.h"
#include "chain/grace.h"
#include "engine/grid.h"
#include "engine/session.h"
#include "weir/engine.h"

namespace weir {

struct LoopOptions {
    std::string interface;
    std::string mode;
    Nanoseconds period = 0;
    Nanoseconds attached_ns = 0;  // monotonic: when packets began to be counted
    std::uint64_t max_windows = 0;
    std::function<void(const std::string&)> on_notice = {};
    int stop_fd = -1;
};

class WindowLoop {
public:
    WindowLoop(Chain& chain, std::vector<std::unique_ptr<ProbeSession>>& sessions, Grace& grace,
               WindowSink& sink, LoopOptions options)
        : chain_(chain),
          sessions_(sessions),
          grace_(grace),
          sink_(sink),
          options_(std::move(options)) {}

    /// Errors: those of Engine::run().
    [[nodiscard]] Result<> run(bpf::InterfaceWatch& watch);

private:
    struct Open {  // the open window of a probe
        std::uint64_t number = 1;
        std::int64_t opened_at = 0;  // grid point
        Nanoseconds start_unix_ns = 0;
        int failed_clears = 0;  // in a row
        bool is_stuck_told = false;
    };

    [[nodiscard]] Result<> start();
    [[nodiscard]] Result<> wait_for_events(bpf::InterfaceWatch& watch);
    [[nodiscard]] Result<> on_tick();
    struct Closing {  // one instant at which windows end; times are monotonic unless they say so
        std::int64_t point = 0;
        Nanoseconds begin = 0, flipped = 0, quiet = 0, unix_ns = 0;
        HookCounts counts;
    };

    [[nodiscard]] std::uint64_t slots_due(std::int64_t point) const;
    [[nodiscard]] Result<> close_windows(std::int64_t point);
    void watch_extractors();
    void run_window(std::size_t slot, const Closing& closing);
    [[nodiscard]] HookCounts read_counts();
    [[nodiscard]] Window describe(std::size_t slot, const Closing& closing) const;
    [[nodiscard]] Result<> release(std::size_t slot);
    [[nodiscard]] Result<> clear(std::size_t slot);
    [[nodiscard]] bool is_last_window(std::size_t slot) const;
    [[nodiscard]] bool is_finished() const;

    Chain& chain_;
    std::vector<std::unique_ptr<ProbeSession>>& sessions_;
    Grace& grace_;
    WindowSink& sink_;
    LoopOptions options_;
    UniqueFd timer_;
    Grid grid_{0, 1};
    std::vector<Open> open_;
    std::vector<std::string> pending_errors_;  // told in the next window's health
    HookCounts counted_;                       // up to the last window of each clone
    bool is_stopping_ = false;
    bool has_vanished_ = false;
    bool was_detached_ = false;
};

}  // namespace weir

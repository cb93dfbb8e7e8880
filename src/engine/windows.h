// SPDX-License-Identifier: Apache-2.0
#pragma once
// Closes windows: all that end at one tick, of all hooks, by one store a hook and one grace period.
//
//     flip -> grace -> read -> predict, extract, report (the probe's worker) -> clear
//
// Ownership: borrows hooks and grace. Thread rule: the engine's thread.
#include <functional>
#include <string>
#include <vector>

#include "chain/grace.h"
#include "engine/hook.h"
#include "weir/result.h"

namespace weir {

struct WindowOptions {
    std::uint64_t max_windows = 0;  // of each probe; 0: no limit
    std::function<void(const std::string&)> on_notice = {};
};

class Windows {
public:
    Windows(std::vector<HookPtr>& hooks, Grace& grace, WindowOptions options);

    /// Begins the grid, on which the probes that are there already have opened their windows.
    void start();
    /// The probe's window opens now, at the flip or store of that time.
    void open(RunningProbe& probe, Nanoseconds opened_unix_ns) const;
    /// Another length takes effect with the open window.
    void set_period(RunningProbe& probe) const;

    /// The earliest time at which a window is due; none: no window is open. Monotonic.
    [[nodiscard]] std::optional<Nanoseconds> next_due() const;
    /// At a tick: what is due closes; a twin that could not be cleared is tried again.
    [[nodiscard]] Result<> on_tick();
    /// Closes the last windows of probes that have left, and after stop() of all, as soon as their
    /// workers are free.
    [[nodiscard]] Result<> close_last();
    /// The worker of the probe is done with a window. Errors: what the report said, clear().
    [[nodiscard]] Result<> release(ProbedHook& hook, RunningProbe& probe);

    /// No window opens any more.
    void stop() { is_stopping_ = true; }
    /// Every probe has reported its last window.
    [[nodiscard]] bool is_finished() const;

private:
    struct Closing {  // one instant at which windows end; times are monotonic unless they say so
        Nanoseconds begin = 0, flipped = 0, quiet = 0, unix_ns = 0;
        HookCounts counts;  // of the hook at hand
    };

    [[nodiscard]] bool is_due(const RunningProbe& probe, Nanoseconds now) const;
    [[nodiscard]] Result<> close(Nanoseconds now);
    void close_on(ProbedHook& hook, std::uint64_t slots, Closing& closing);
    void run_window(ProbedHook& hook, RunningProbe& probe, unsigned retired,
                    const Closing& closing) const;
    [[nodiscard]] Window describe(const ProbedHook& hook, const RunningProbe& probe,
                                  const Closing& closing) const;
    [[nodiscard]] Result<> clear(ProbedHook& hook, RunningProbe& probe) const;
    void watch_extractor(RunningProbe& probe) const;

    std::vector<HookPtr>& hooks_;
    Grace& grace_;
    WindowOptions options_;
    Nanoseconds origin_ = 0;
    bool is_stopping_ = false;
};

}  // namespace weir

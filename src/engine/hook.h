// SPDX-License-Identifier: Apache-2.0
#pragma once
// A hook at work: its chain, and beside each slot the probe that runs there.
//
// Ownership: owns chain, clone pairs, sessions and sinks. Thread rule: the engine's thread; a
// change is prepared on another one (engine/planner.h), which reads what does not change meanwhile.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "chain/chain.h"
#include "engine/grid.h"
#include "engine/log_reader.h"
#include "engine/session.h"
#include "probe/redirects.h"
#include "util/clock.h"
#include "weir/policy.h"

namespace weir {

/// The open window of a probe.
struct OpenWindow {
    std::uint64_t number = 1;
    Grid grid{0, 1};
    std::int64_t opened_at = 0;  // grid point
    Nanoseconds due_ns = 0;      // monotonic: the grid point at which it closes next
    Nanoseconds start_unix_ns = 0;
    Nanoseconds left_unix_ns = 0;  // when the probe left the chain
    bool is_closed = false;        // the last one has been handed over
    int failed_clears = 0;         // in a row
    bool is_stuck_told = false;
};

/// A probe in a slot of one hook.
struct RunningProbe {
    PolicyProbe plan;
    std::string code_key;  // another key: another probe, which replaces it (engine/planner.h)
    PairPtr pair;
    std::vector<std::unique_ptr<WindowSink>> former_sinks;  // a window may be on its way there
    std::unique_ptr<WindowSink> own_sink;                   // null: the sink is borrowed
    WindowSink* sink = nullptr;
    std::unique_ptr<ProbeSession> session;  // dies before what it works on
    std::unique_ptr<LogReader> log;         // null: it sends no messages
    std::unique_ptr<Redirects> redirects;   // to interfaces by name
    OpenWindow window;
    bool has_left = false;  // the chain
    unsigned left_in = 0;   // the clone that packets entered last, where it has
};

struct ProbedHook {
    ProbedHook(bpf::Interface on, Chain its_chain)
        : interface(std::move(on)), chain(std::move(its_chain)) {}

    bpf::Interface interface;
    Chain chain;
    std::string mode;                                    // how the pivot is attached
    std::vector<std::unique_ptr<RunningProbe>> probes;   // beside the slots; die before the chain
    std::vector<std::unique_ptr<RunningProbe>> leaving;  // their last windows are to be reported
    HookCounts counted;                       // of each clone, up to when it was retired last
    std::vector<std::string> notices;         // of attaching
    std::vector<std::string> pending_errors;  // told in the next window's health
    bool has_vanished = false;                // the interface, or our link from it

    /// "eth0 xdp"
    [[nodiscard]] std::string name() const {
        return interface.name + " " + hook_name(chain.hook());
    }
};

using HookPtr = std::shared_ptr<ProbedHook>;

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Puts a plan in force: on each hook one store, after which its new probes see every packet and
// those that left see none.
//
// Thread rule: the engine's thread.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chain/grace.h"
#include "engine/hook.h"
#include "engine/planner.h"
#include "engine/windows.h"
#include "weir/result.h"

namespace weir {

/// Where the windows of a probe go.
struct SinkSource {
    std::function<std::unique_ptr<WindowSink>(const PolicyProbe&)> make = {};
    WindowSink* borrowed = nullptr;  // where nobody makes any: one for all
};

struct ChangeOptions {
    /// Before the first packet of a new hook is counted, with the bytes that its maps take.
    std::function<void(std::uint64_t map_bytes)> before_attach = {};
    /// What to do with a new hook that cannot be attached: a notice, or an error that changes
    /// nothing.
    bool skips_busy_hooks = false;
    std::function<void(const std::string&)> on_notice = {};
};

class Changes {
public:
    Changes(std::vector<HookPtr>& hooks, Windows& windows, Grace& grace, SinkSource& sinks)
        : hooks_(hooks), windows_(windows), grace_(grace), sinks_(sinks) {}

    /// Errors: those of Chain::stage() and Chain::attach(), with the hook's name: nothing has
    /// changed then. Io (grace).
    [[nodiscard]] Result<> put_in_force(std::vector<PlannedHook> planned,
                                        const ChangeOptions& options);
    /// No packet comes any more: the last windows of its probes are to be reported.
    static void leave(ProbedHook& hook);
    /// Lets go of probes that have reported their last window, and of hooks without any.
    void clean_up();

private:
    [[nodiscard]] Result<> stage(std::vector<PlannedHook>& planned);
    [[nodiscard]] Result<> attach(std::vector<PlannedHook>& planned, const ChangeOptions& options);
    /// `unix_ns`: one time for all probes of the hook, so that windows that begin together say so.
    void take_over(PlannedHook& planned, Nanoseconds unix_ns);
    void update(RunningProbe& probe, PolicyProbe plan);
    [[nodiscard]] std::unique_ptr<RunningProbe> start(PlannedProbe planned, Nanoseconds unix_ns);
    void choose_sink(RunningProbe& probe);

    std::vector<HookPtr>& hooks_;
    Windows& windows_;
    Grace& grace_;
    SinkSource& sinks_;
};

}  // namespace weir

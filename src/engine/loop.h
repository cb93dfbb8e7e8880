// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the engine's thread does while probes run: waits for the grid, for workers, for the stop,
// for interfaces that come and go and for another policy, and lets windows close and changes
// happen.
//
// Plans are made on a thread of their own (engine/planner.h), so that a compiler delays no window.
//
// Ownership: owns hooks, grace period and planner. Thread rule: the engine's thread.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/interface_events.h"
#include "chain/grace.h"
#include "engine/changes.h"
#include "engine/hook.h"
#include "engine/planner.h"
#include "engine/windows.h"
#include "weir/policy.h"

namespace weir {

struct LoopOptions {
    RunOptions run;
    /// The run ends where its only interface vanishes; else others are waited for.
    bool ends_without_interface = false;
};

class EngineLoop {
public:
    /// Errors: Io, Permission.
    [[nodiscard]] static Result<std::unique_ptr<EngineLoop>> create(
        LoopOptions options, const std::filesystem::path& share);

    /// Puts the policy to work on the interfaces that there are. Errors: those of
    /// Planner::prepare() and Changes::put_in_force(); nothing stays in the kernel then.
    [[nodiscard]] Result<> start();
    /// Of start(): what the user should know.
    [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }
    [[nodiscard]] const std::vector<HookPtr>& hooks() const { return hooks_; }

    /// `sink`: where windows go, unless the options make sinks. Errors: those of Engine::run().
    [[nodiscard]] Result<> run(WindowSink* sink, int stop_fd);

private:
    EngineLoop(LoopOptions options, Grace grace, bpf::InterfaceEvents events,
               std::unique_ptr<Worker> planner, UniqueFd timer, const std::filesystem::path& share);
    [[nodiscard]] Result<> wait_for_events(int stop_fd);
    [[nodiscard]] Result<> arm_timer();
    [[nodiscard]] Result<> release_workers();
    [[nodiscard]] Result<> on_tick();
    void look_at_links();
    [[nodiscard]] Result<> take_interface_events();
    void vanish(ProbedHook& hook, const std::string& why);
    void begin_plan(bool reads_policy);
    [[nodiscard]] Result<> finish_plan();
    [[nodiscard]] Result<> put_in_force(Plan plan);
    void drain_logs();
    void follow_redirects();
    void tell(const std::string& notice) const;
    [[nodiscard]] std::vector<StandingHook> standing() const;

    LoopOptions options_;
    Grace grace_;
    bpf::InterfaceEvents events_;
    UniqueFd timer_;
    std::vector<HookPtr> hooks_;
    Windows windows_;
    SinkSource sinks_;
    Changes changes_;
    Planner planner_;                       // the planning thread's
    std::vector<StandingHook> planned_on_;  // alive while a plan is made
    std::unique_ptr<Result<Plan>> plan_;    // what the planning thread made
    bool reads_policy_ = false;             // the plan at hand
    bool is_plan_stale_ = false;            // interfaces have changed since it was begun
    bool is_stopping_ = false;
    std::string ended_by_;  // why the run ends with an error
    std::vector<std::string> notices_;
    std::unique_ptr<Worker>
        planning_;  // null: nothing is planned; dies first: it works on the above
};

}  // namespace weir

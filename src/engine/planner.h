// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a policy and the interfaces that there are to what each hook is to run: compares it with
// what runs, and compiles, loads and verifies what is new. Nothing that packets see changes here.
//
//     auto plan = Planner(share).prepare(policy, interfaces, standing);    // not on the engine's
//     thread
//     ... the engine puts plan->hooks in force, each by one store
//
// A probe of the same name whose key is the same stays as it is; with another key it is a patch:
// the new code takes over the persistent maps of the old one.
//
// Thread rule: one thread at a time. What it is given of running hooks (chains, pairs) does not
// change meanwhile: the engine puts nothing in force until it is done.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/hook.h"
#include "engine/setup.h"
#include "weir/policy.h"
#include "weir/result.h"

namespace weir {

/// A probe that runs on a hook now.
struct StandingProbe {
    std::string name;
    std::string code_key;
    PairPtr pair;
};

struct StandingHook {
    HookPtr hook;
    std::vector<StandingProbe> probes;  // beside the slots
};

/// A probe that is to run.
struct PlannedProbe {
    PolicyProbe plan;
    std::string code_key;
    PairPtr pair;
    std::unique_ptr<ProbeSession> session = {};  // null: the one that runs stays
    std::unique_ptr<LogReader> log = {};         // as in RunningProbe, as is the next
    std::unique_ptr<Redirects> redirects = {};
};

struct PlannedHook {
    HookPtr hook;  // loaded and not attached, where it is new
    bool is_new = false;
    bool changes_order = false;
    Nanoseconds attached_ns = 0;  // of a new one, once it is; monotonic
    ChainOrder order;
    std::vector<PlannedProbe> probes;  // beside the slots
};

struct Plan {
    Policy policy;
    std::vector<PlannedHook> hooks;    // only those of which anything is to change
    std::vector<std::string> notices;  // what a user should know and that is no error
    std::vector<std::string> changes;  // one line each: "eth0 xdp: ddos patched"
};

class Planner {
public:
    using OnLog = std::function<void(const LogRecord&)>;

    /// `on_log`: called later, when the engine reads what probes send.
    explicit Planner(std::filesystem::path share, OnLog on_log = {})
        : share_(std::move(share)), on_log_(std::move(on_log)) {}

    /// Errors: those of load_probe(), each with the name of the probe and its hook; Invalid (probes
    /// of one hook that want different modes). On error nothing has changed, and nothing stays in
    /// the kernel.
    [[nodiscard]] Result<Plan> prepare(const Policy& policy,
                                       const std::vector<bpf::Interface>& interfaces,
                                       const std::vector<StandingHook>& standing);

private:
    using Wanted = std::vector<const PolicyProbe*>;  // of a hook, in order
    using Place = std::pair<bpf::IfIndex, Hook>;

    /// An image, and the key of all that goes into the probe.
    struct Built {
        ProbeImage image;
        std::string key;
    };

    [[nodiscard]] Result<const Built*> build(const PolicyProbe& probe, std::optional<Hook> hook);
    [[nodiscard]] Result<std::vector<Hook>> hooks_of(const PolicyProbe& probe);
    [[nodiscard]] Result<std::map<Place, Wanted>> places(
        const Policy& policy, const std::vector<bpf::Interface>& interfaces);
    [[nodiscard]] Result<> plan_hook(const bpf::Interface& interface, Hook hook,
                                     const Wanted& wanted, const StandingHook* standing,
                                     Plan& plan);
    [[nodiscard]] Result<PlannedProbe> plan_probe(const PolicyProbe& probe, std::uint32_t slot,
                                                  const ProbedHook& hook,
                                                  const StandingHook* standing, Plan& plan);
    [[nodiscard]] Result<PlannedProbe> load(const PolicyProbe& probe, std::uint32_t slot,
                                            const ProbedHook& hook, const ClonePair* predecessor,
                                            Plan& plan);

    std::filesystem::path share_;
    OnLog on_log_;
    std::map<std::pair<std::string, int>, Built> built_;  // by probe and kind of hook, of one plan
};

}  // namespace weir

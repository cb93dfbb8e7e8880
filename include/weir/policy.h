// SPDX-License-Identifier: Apache-2.0
#pragma once
// What runs where: the probes of `weir run`, as its policy file says. Plain values.
//
// Every probe has an instance of its own on each hook of each interface that it names; on a hook,
// probes stand in order of priority, then of the file.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/engine.h"
#include "weir/hook.h"

namespace weir {

/// Where windows are reported and how much of them.
struct ReportOptions {
    std::string output = {};  ///< file; empty: standard output
    bool as_json = false;
    std::optional<std::size_t> max_rows = {};    ///< of a table; none: 100 in text, all in JSON
    std::optional<std::size_t> max_alerts = {};  ///< of a window; none: 10 in text, all in JSON
    bool operator==(const ReportOptions&) const = default;
};

struct PolicyProbe {
    std::string name = {};  ///< how reports, `parameters` and messages call it; unique
    ProbeOptions probe = {};
    ExtractorOptions extractor = {};
    ModelOptions model = {};
    std::vector<std::string> interfaces = {};  ///< names or globs: "eth0", "eth*"
    std::vector<Hook> hooks = {};       ///< empty: xdp, or tc-ingress for a program that is for tc
    AttachMode mode = AttachMode::Skb;  ///< of xdp
    bool is_strict = false;             ///< fail rather than fall back to Skb
    int priority = 50;                  ///< the lowest stands first
    std::chrono::nanoseconds window = std::chrono::seconds(10);
    bool may_drop_state = false;  ///< a patch may lose persistent maps that do not fit
    ReportOptions report = {};
};

struct Policy {
    std::vector<PolicyProbe> probes = {};  ///< in the order of the file
};

/// How `weir run` puts a policy to work.
struct RunOptions {
    Policy policy = {};
    /// Called for each instance of a probe, on the engine's thread; its windows go there.
    std::function<std::unique_ptr<WindowSink>(const PolicyProbe&)> make_sink = {};
    /// While `reload_fd` is readable: reads the policy again, on a thread of its own, and makes the
    /// descriptor unreadable. An error changes nothing and is told by `on_notice`.
    int reload_fd = -1;
    std::function<Result<Policy>()> reload = {};
    /// On the engine's thread: for what a user should know while windows go on.
    std::function<void(const std::string& notice)> on_notice = {};
    /// As in InjectOptions.
    std::function<void(const LogRecord& record)> on_log = {};
    std::function<void(std::uint64_t map_bytes)> before_attach = {};
    std::uint64_t max_windows = 0;  ///< of each probe; run() returns after so many; 0: never
};

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "engine/loop.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "bpf/clsact.h"
#include "util/errno.h"
#include "util/glob.h"

namespace weir {
namespace {

timespec to_timespec(Nanoseconds ns) {
    return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

bool is_readable(int fd) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    return fd >= 0 && ::poll(&one, 1, 0) > 0;
}

std::string with_hint(const Error& error) {
    return error.hint.empty() ? error.message : error.message + " (" + error.hint + ")";
}

/// A name that is mistyped would else be waited for in silence.
std::vector<std::string> missing_interfaces(const Policy& policy,
                                            const std::vector<bpf::Interface>& present) {
    std::vector<std::string> notices;
    for (const PolicyProbe& probe : policy.probes)
        for (const std::string& pattern : probe.interfaces)
            if (std::ranges::none_of(present,
                                     [&](const auto& one) { return matches(pattern, one.name); }))
                notices.push_back(fmt::format(
                    "{}: no interface {} yet; it is taken up when it comes", probe.name, pattern));
    return notices;
}

}  // namespace

Result<std::unique_ptr<EngineLoop>> EngineLoop::create(LoopOptions options,
                                                       const std::filesystem::path& share) {
    auto grace = Grace::create(GraceMethod::Auto);
    if (!grace) return pass_on(grace);
    auto events = bpf::InterfaceEvents::open();
    if (!events) return wrap(events, "interfaces");
    std::unique_ptr<Worker> planner;
    if (!options.ends_without_interface) {
        auto started = Worker::start(Worker::Privileges::Engine);
        if (!started) return pass_on(started);
        planner = std::move(*started);
    }
    UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (auto r = check_errno(timer.get(), "timerfd"); !r) return pass_on(r);
    return std::unique_ptr<EngineLoop>(new EngineLoop(std::move(options), std::move(*grace),
                                                      std::move(*events), std::move(planner),
                                                      std::move(timer), share));
}

EngineLoop::EngineLoop(LoopOptions options, Grace grace, bpf::InterfaceEvents events,
                       std::unique_ptr<Worker> planner, UniqueFd timer,
                       const std::filesystem::path& share)
    : options_(std::move(options)),
      grace_(std::move(grace)),
      events_(std::move(events)),
      timer_(std::move(timer)),
      windows_(hooks_, grace_,
               {.max_windows = options_.run.max_windows, .on_notice = options_.run.on_notice}),
      sinks_{.make = options_.run.make_sink},
      changes_(hooks_, windows_, grace_, sinks_),
      planner_(share, options_.run.on_log),
      planning_(std::move(planner)) {}

void EngineLoop::tell(const std::string& notice) const {
    if (options_.run.on_notice) options_.run.on_notice(notice);
}

Result<> EngineLoop::start() {
    // A process of ours that was killed where the kernel has no TCX has left its filters.
    auto removed = bpf::remove_dead_filters();
    if (!removed) return wrap(removed, "filters of ended processes");
    auto plan = planner_.prepare(options_.run.policy, events_.present(), {});
    if (!plan) return pass_on(plan);
    notices_ = std::move(*removed);
    std::ranges::move(missing_interfaces(options_.run.policy, events_.present()),
                      std::back_inserter(notices_));
    for (std::string& notice : plan->notices) notices_.push_back(std::move(notice));
    auto done = changes_.put_in_force(std::move(plan->hooks),
                                      {.before_attach = options_.run.before_attach});
    if (!done) {
        hooks_.clear();
        return done;
    }
    for (const HookPtr& hook : hooks_)
        for (const std::string& notice : hook->notices)
            notices_.push_back(hooks_.size() == 1 ? notice : hook->name() + ": " + notice);
    return {};
}

Result<> EngineLoop::run(WindowSink* sink, int stop_fd) {
    sinks_.borrowed = sink;
    for (const HookPtr& hook : hooks_)
        for (auto& probe : hook->probes)
            if (!probe->own_sink) probe->sink = sink;
    windows_.start();
    follow_redirects();
    Result<> done;
    while (done && !(is_stopping_ && windows_.is_finished()) &&
           !(options_.run.max_windows != 0 && !hooks_.empty() && windows_.is_finished()))
        done = wait_for_events(stop_fd);
    // The sink is its owner's again when we return.
    for (const HookPtr& hook : hooks_)
        for (auto* probes : {&hook->probes, &hook->leaving})
            for (auto& probe : *probes)
                if (!probe->session->worker().is_idle())
                    (void)probe->session->worker().take_result();
    drain_logs();
    if (done && !ended_by_.empty()) return fail(Errc::NotFound, ended_by_);
    return done;
}

Result<> EngineLoop::arm_timer() {
    const auto due = windows_.next_due();
    const itimerspec at{.it_interval = {}, .it_value = to_timespec(due.value_or(0))};  // 0: never
    return check_errno(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr), "timerfd");
}

Result<> EngineLoop::wait_for_events(int stop_fd) {
    if (auto r = arm_timer(); !r) return r;
    const bool may_plan = planning_ && !is_stopping_;
    const int reload_fd = may_plan && planning_->is_idle() ? options_.run.reload_fd : -1;
    const int plan_fd = planning_ ? planning_->done_fd() : -1;
    std::vector<pollfd> fds;
    for (const int fd : {timer_.get(), is_stopping_ ? -1 : stop_fd,
                         is_stopping_ ? -1 : events_.fd(), reload_fd, plan_fd})
        fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    for (const HookPtr& hook : hooks_)
        for (auto* probes : {&hook->probes, &hook->leaving})
            for (auto& probe : *probes)
                for (const int fd :
                     {probe->session->worker().done_fd(), probe->log ? probe->log->fd() : -1})
                    fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return check_errno(-1, "poll");
    if (auto r = release_workers(); !r) return r;
    if (fds[2].revents != 0)
        if (auto r = take_interface_events(); !r) return r;
    if (fds[1].revents != 0) is_stopping_ = true;
    if (fds[3].revents != 0) begin_plan(true);
    if (fds[4].revents != 0)
        if (auto r = finish_plan(); !r) return r;
    if (is_stopping_) windows_.stop();
    if ((fds[0].revents & POLLIN) != 0)
        if (auto r = on_tick(); !r) return r;
    // A stop closes the open windows at once, or as soon as their twins are released.
    if (auto r = windows_.close_last(); !r) return r;
    drain_logs();
    changes_.clean_up();
    return {};
}

void EngineLoop::drain_logs() {
    for (const HookPtr& hook : hooks_)
        for (auto* probes : {&hook->probes, &hook->leaving})
            for (auto& probe : *probes)
                if (probe->log) probe->log->drain();
}

/// Packets that a probe sends to an interface by name go to the one that has the name now.
void EngineLoop::follow_redirects() {
    const std::vector<bpf::Interface> present = events_.present();
    for (const HookPtr& hook : hooks_) {
        for (auto& probe : hook->probes) {
            if (!probe->redirects) continue;
            for (const std::string& name : probe->redirects->names()) {
                const auto it = std::ranges::find(present, name, &bpf::Interface::name);
                probe->redirects->follow(
                    name, it != present.end() ? std::optional(it->index) : std::nullopt);
            }
        }
    }
}

Result<> EngineLoop::release_workers() {
    for (const HookPtr& hook : hooks_)
        for (auto* probes : {&hook->probes, &hook->leaving})
            for (auto& probe : *probes)
                if (!probe->session->worker().is_idle() &&
                    is_readable(probe->session->worker().done_fd()))
                    if (auto r = windows_.release(*hook, *probe); !r) return r;
    return {};
}

Result<> EngineLoop::on_tick() {
    std::uint64_t expirations = 0;
    (void)!::read(timer_.get(), &expirations, sizeof(expirations));  // the clock says where we are
    look_at_links();
    return windows_.on_tick();
}

/// Somebody may have detached our program by force.
void EngineLoop::look_at_links() {
    for (const HookPtr& hook : hooks_) {
        if (hook->has_vanished || hook->chain.is_attached()) continue;
        const bool is_there = bpf::interface_name(hook->interface.index).has_value();
        vanish(*hook,
               is_there ? "somebody detached weir's program from it" : "the interface vanished");
    }
}

void EngineLoop::vanish(ProbedHook& hook, const std::string& why) {
    Changes::leave(hook);
    if (options_.ends_without_interface) {
        ended_by_ = hook.interface.name + ": " + why;
        is_stopping_ = true;
    } else {
        tell(hook.name() + ": " + why);
    }
}

Result<> EngineLoop::take_interface_events() {
    auto events = events_.read();
    if (!events) return wrap(events, "interfaces");
    bool has_news = false;
    for (const bpf::InterfaceEvent& event : *events) {
        for (const HookPtr& hook : hooks_) {
            if (hook->has_vanished || hook->interface.index != event.index) continue;
            // A renamed interface keeps what is attached to it.
            if (event.kind == bpf::InterfaceEvent::Kind::Appeared)
                hook->interface.name = event.name;
            else if (!bpf::interface_name(event.index))
                vanish(*hook, "the interface vanished");
        }
        has_news |= event.kind == bpf::InterfaceEvent::Kind::Appeared;
    }
    if (!events->empty()) follow_redirects();
    if (has_news && !options_.ends_without_interface) begin_plan(false);
    return {};
}

std::vector<StandingHook> EngineLoop::standing() const {
    std::vector<StandingHook> all;
    for (const HookPtr& hook : hooks_) {
        if (hook->has_vanished) continue;
        StandingHook& here = all.emplace_back(StandingHook{.hook = hook, .probes = {}});
        for (const auto& probe : hook->probes)
            here.probes.push_back(
                {.name = probe->plan.name, .code_key = probe->code_key, .pair = probe->pair});
    }
    return all;
}

/// `reads_policy`: the policy may be another one; else the interfaces have changed.
void EngineLoop::begin_plan(bool reads_policy) {
    if (!planning_->is_idle()) {
        is_plan_stale_ = true;
        return;
    }
    is_plan_stale_ = false;
    reads_policy_ = reads_policy;
    planned_on_ = standing();
    planning_->post([this, present = events_.present()]() -> Result<> {
        if (reads_policy_) {
            auto policy = options_.run.reload();
            if (!policy) {
                plan_ = std::make_unique<Result<Plan>>(pass_on(policy));
                return {};
            }
            plan_ = std::make_unique<Result<Plan>>(planner_.prepare(*policy, present, planned_on_));
        } else {
            plan_ = std::make_unique<Result<Plan>>(
                planner_.prepare(options_.run.policy, present, planned_on_));
        }
        return {};
    });
}

Result<> EngineLoop::finish_plan() {
    if (planning_->is_idle()) return {};
    (void)planning_->take_result();
    auto plan = std::move(*std::exchange(plan_, nullptr));
    planned_on_.clear();
    if (is_stopping_) return {};
    if (!plan)
        tell(fmt::format("nothing was changed: {}", with_hint(plan.error())));
    else if (auto r = put_in_force(std::move(*plan)); !r)
        return r;
    if (is_plan_stale_) begin_plan(false);
    return {};
}

Result<> EngineLoop::put_in_force(Plan plan) {
    for (const std::string& notice : plan.notices) tell(notice);
    auto done = changes_.put_in_force(std::move(plan.hooks),
                                      {.skips_busy_hooks = !reads_policy_,
                                       .on_notice = [this](const std::string& n) { tell(n); }});
    if (!done && done.error().message.starts_with("grace")) return done;
    if (!done) {
        tell(fmt::format("nothing was changed: {}", with_hint(done.error())));
        return {};
    }
    options_.run.policy = std::move(plan.policy);
    follow_redirects();  // interfaces may have changed since the code was loaded
    for (const std::string& change : plan.changes) tell(change);
    if (reads_policy_ && plan.changes.empty()) tell("the policy is in force; no probe changed");
    return {};
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "engine/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/counts.h"

namespace weir {
namespace {

constexpr Nanoseconds kPatience = 2;  // windows that an extractor may take for one
constexpr int kMaxFailedClears = 10;  // in a row; what passes by itself has passed by then

double microseconds(Nanoseconds from, Nanoseconds to) {
    return static_cast<double>(to - from) / 1e3;
}

/// A reading that fails is told of; its packets are in the next window of the same clone: none is
/// lost.
HookCounts read_counts(ProbedHook& hook) {
    auto counts = hook.chain.counts();
    if (counts) return *counts;
    hook.pending_errors.push_back(counts.error().message);
    return hook.counted;
}

/// One that has left takes no other clone: its last window is read as soon as the worker is free.
bool is_last_due(const RunningProbe& probe) {
    return probe.has_left && !probe.window.is_closed && probe.session->worker().is_idle();
}

}  // namespace

Windows::Windows(std::vector<HookPtr>& hooks, Grace& grace, WindowOptions options)
    : hooks_(hooks), grace_(grace), options_(std::move(options)) {}

void Windows::start() {
    origin_ = monotonic_ns();
    for (const HookPtr& hook : hooks_)
        for (auto& probe : hook->probes) set_period(*probe);
}

void Windows::open(RunningProbe& probe, Nanoseconds opened_unix_ns) const {
    probe.window = {.start_unix_ns = opened_unix_ns};
    set_period(probe);
}

void Windows::set_period(RunningProbe& probe) const {
    OpenWindow& w = probe.window;
    w.grid = Grid(origin_, probe.plan.window.count());
    w.opened_at = w.grid.point_at(monotonic_ns());
    w.due_ns = w.grid.time_of(w.opened_at + 1);
}

std::optional<Nanoseconds> Windows::next_due() const {
    std::optional<Nanoseconds> next;
    for (const HookPtr& hook : hooks_)
        for (const auto& probe : hook->probes)
            if (!probe->window.is_closed)
                next = std::min(next.value_or(probe->window.due_ns), probe->window.due_ns);
    return next;
}

Result<> Windows::on_tick() {
    for (const HookPtr& hook : hooks_) {
        for (auto& probe : hook->probes) {
            watch_extractor(*probe);
            if (probe->session->is_twin_clean() || !probe->session->worker().is_idle()) continue;
            if (auto r = clear(*hook, *probe); !r) return r;
        }
    }
    const Nanoseconds now = monotonic_ns();
    if (auto r = close(now); !r) return r;
    // One whose twin is not clean stays open until the next point of its grid.
    for (const HookPtr& hook : hooks_)
        for (auto& probe : hook->probes)
            if (OpenWindow& w = probe->window; w.due_ns <= now)
                w.due_ns = w.grid.time_of(w.grid.point_at(now) + 1);
    return {};
}

Result<> Windows::close_last() {
    constexpr Nanoseconds kNone = -1;  // no grid point: of those that stay none is due
    return close(kNone);
}

/// One that takes two windows is asked to end; one that does not is told of, once: no thread can be
/// stopped from outside.
void Windows::watch_extractor(RunningProbe& probe) const {
    const Nanoseconds period = probe.plan.window.count();
    const Nanoseconds taken = probe.session->watch_extractor(monotonic_ns(), kPatience * period);
    if (taken < (kPatience + 1) * period || !options_.on_notice) return;
    if (std::exchange(probe.window.is_stuck_told, true)) return;
    options_.on_notice(fmt::format(
        "the extractor of {} has not come back for {:.1f} s; counting goes on, its window grows",
        probe.plan.name, static_cast<double>(taken) / 1e9));
}

bool Windows::is_due(const RunningProbe& probe, Nanoseconds now) const {
    return !probe.window.is_closed && (is_stopping_ || now >= probe.window.due_ns) &&
           probe.session->is_twin_clean();
}

/// Once per grid point: one flip a hook and one grace period for all windows that end here.
Result<> Windows::close(Nanoseconds now) {
    std::vector<std::pair<ProbedHook*, std::uint64_t>> due;  // slots that flip
    for (const HookPtr& hook : hooks_) {
        std::uint64_t slots = 0;
        // The last windows of a hook end at one instant too.
        const bool is_ready = !is_stopping_ || std::ranges::all_of(hook->probes, [](const auto& p) {
            return p->window.is_closed || p->session->is_twin_clean();
        });
        for (std::size_t slot = 0; slot < hook->probes.size(); ++slot)
            if (is_ready && is_due(*hook->probes[slot], now)) slots |= Chain::bit(slot);
        if (slots != 0 ||
            std::ranges::any_of(hook->leaving, [](const auto& p) { return is_last_due(*p); }))
            due.emplace_back(hook.get(), slots);
    }
    if (due.empty()) return {};
    Closing closing{.begin = monotonic_ns(), .counts = {}};
    for (const auto& [hook, slots] : due)
        if (slots != 0) hook->chain.flip(slots);
    closing.flipped = monotonic_ns();
    closing.unix_ns = closing.flipped + unix_offset_ns();
    if (auto r = grace_.wait(); !r) return wrap(r, "grace");
    closing.quiet = monotonic_ns();
    for (const auto& [hook, slots] : due) close_on(*hook, slots, closing);
    return {};
}

void Windows::close_on(ProbedHook& hook, std::uint64_t slots, Closing& closing) {
    closing.counts = read_counts(hook);
    for (std::size_t slot = 0; slot < hook.probes.size(); ++slot) {
        if ((slots & Chain::bit(slot)) == 0) continue;
        RunningProbe& probe = *hook.probes[slot];
        OpenWindow& w = probe.window;
        run_window(hook, probe, hook.chain.active(slot) ^ 1, closing);
        w.is_closed = is_stopping_ || w.number == options_.max_windows;
        ++w.number;
        w.opened_at = w.grid.point_at(closing.begin);
        w.due_ns = w.grid.time_of(w.opened_at + 1);
        w.start_unix_ns = closing.unix_ns;
    }
    for (auto& probe : hook.leaving) {
        if (!is_last_due(*probe)) continue;
        probe->window.is_closed = true;
        run_window(hook, *probe, probe->left_in, closing);
    }
    hook.counted.tail_call_misses = closing.counts.tail_call_misses;
    hook.pending_errors.clear();
}

/// flip and grace are over; here: read, then on the worker predict, extract, report; release()
/// clears.
void Windows::run_window(ProbedHook& hook, RunningProbe& probe, unsigned retired,
                         const Closing& closing) const {
    Window window = describe(hook, probe, closing);
    take_counts(window, probe.pair->clone(retired), closing.counts, hook.counted);
    probe.session->read(retired, std::move(window));
    probe.session->hand_over(*probe.sink, closing.begin);
}

Window Windows::describe(const ProbedHook& hook, const RunningProbe& probe,
                         const Closing& closing) const {
    const OpenWindow& w = probe.window;
    Window window;
    window.number = w.number;
    window.probe = probe.plan.name;
    window.interface = hook.interface.name;
    window.hook = hook_name(hook.chain.hook());
    window.mode = hook.mode;
    window.start_ns = w.start_unix_ns;
    window.end_ns = probe.has_left ? w.left_unix_ns : closing.unix_ns;
    window.timings_us.flip = microseconds(closing.begin, closing.flipped);
    window.timings_us.grace = microseconds(closing.flipped, closing.quiet);
    window.health.late = Grid::late(w.opened_at, w.grid.point_at(closing.begin));
    window.health.errors = hook.pending_errors;
    window.health.tail_call_misses =
        closing.counts.tail_call_misses - hook.counted.tail_call_misses;
    return window;
}

Result<> Windows::release(ProbedHook& hook, RunningProbe& probe) {
    if (auto r = probe.session->worker().take_result(); !r) return wrap(r, "report");
    probe.former_sinks.clear();
    return probe.has_left ? Result<>{} : clear(hook, probe);
}

/// A failure is tried again at the next grid point, meanwhile the window stays open. One that lasts
/// ends the run: else it would go on for ever and report nothing.
Result<> Windows::clear(ProbedHook& hook, RunningProbe& probe) const {
    int& failures = probe.window.failed_clears;
    auto r = probe.session->clear();
    failures = r ? 0 : failures + 1;
    if (r || probe.window.is_closed) return {};
    if (is_stopping_ || failures == kMaxFailedClears) return r;
    if (failures == 1) hook.pending_errors.push_back(r.error().message);
    return {};
}

bool Windows::is_finished() const {
    const auto has_ended = [](const auto& probe) {
        return probe->window.is_closed && probe->session->worker().is_idle();
    };
    return std::ranges::all_of(hooks_, [&](const HookPtr& hook) {
        return std::ranges::all_of(hook->probes, has_ended) &&
               std::ranges::all_of(hook->leaving, has_ended);
    });
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "engine/loop.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/counts.h"
#include "util/clock.h"
#include "util/errno.h"

namespace weir {
namespace {

timespec to_timespec(Nanoseconds ns) {
    return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

double microseconds(Nanoseconds from, Nanoseconds to) {
    return static_cast<double>(to - from) / 1e3;
}

constexpr std::uint64_t kNoMoreWindows =
    0;                                // Open::number of a probe that has closed its last window
constexpr Nanoseconds kPatience = 2;  // windows that an extractor may take for one
constexpr int kMaxFailedClears = 10;  // in a row; what passes by itself has passed by then

}  // namespace

/// Arms the timer on the absolute grid: a tick that comes late does not move the next one.
Result<> WindowLoop::start() {
    timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (auto r = check_errno(timer_.get(), "timerfd"); !r) return r;
    const Nanoseconds now = monotonic_ns();
    grid_ = Grid(now, options_.period);
    const itimerspec ticks{.it_interval = to_timespec(options_.period),
                           .it_value = to_timespec(now + options_.period)};
    open_.assign(sessions_.size(), Open{.start_unix_ns = options_.attached_ns + unix_offset_ns()});
    return check_errno(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &ticks, nullptr),
                       "timerfd");
}

Result<> WindowLoop::run(bpf::InterfaceWatch& watch) {
    if (auto r = start(); !r) return r;
    Result<> done;
    while (done && !is_finished()) done = wait_for_events(watch);
    for (auto& session : sessions_)  // the sink is its owner's again when we return
        if (!session->worker().is_idle()) (void)session->worker().take_result();
    if (!done) return done;
    if (was_detached_) has_vanished_ = watch.has_vanished().value_or(false);
    if (has_vanished_) return fail(Errc::NotFound, options_.interface + ": the interface vanished");
    if (was_detached_)
        return fail(Errc::NotFound,
                    options_.interface + ": somebody detached weir's program from it");
    return {};
}

Result<> WindowLoop::wait_for_events(bpf::InterfaceWatch& watch) {
    std::vector<pollfd> fds = {
        {.fd = timer_.get(), .events = POLLIN, .revents = 0},
        {.fd = is_stopping_ ? -1 : options_.stop_fd, .events = POLLIN, .revents = 0},
        {.fd = is_stopping_ ? -1 : watch.fd(), .events = POLLIN, .revents = 0}};
    const std::size_t first_worker = fds.size();
    for (auto& session : sessions_)
        fds.push_back({.fd = session->worker().done_fd(), .events = POLLIN, .revents = 0});
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return check_errno(-1, "poll");
    for (std::size_t slot = 0; slot < sessions_.size(); ++slot)
        if ((fds[first_worker + slot].revents & POLLIN) != 0)
            if (auto r = release(slot); !r) return r;
    if (fds[2].revents != 0) {
        auto gone = watch.has_vanished();
        if (!gone) return pass_on(gone);
        has_vanished_ = *gone;
    }
    if (fds[1].revents != 0 || has_vanished_) is_stopping_ = true;
    const bool is_tick = (fds[0].revents & POLLIN) != 0;
    // A stop closes the open windows at once, or as soon as their twins are released.
    return is_tick || is_stopping_ ? on_tick() : Result<>{};
}

Result<> WindowLoop::on_tick() {
    std::uint64_t expirations = 0;
    (void)!::read(timer_.get(), &expirations, sizeof(expirations));  // the clock says where we are
    if (!is_stopping_ && !chain_.is_attached()) is_stopping_ = was_detached_ = true;
    for (std::size_t slot = 0; slot < sessions_.size(); ++slot) {
        if (sessions_[slot]->is_twin_clean() || !sessions_[slot]->worker().is_idle()) continue;
        if (auto r = clear(slot); !r) return r;
    }
    watch_extractors();
    return close_windows(grid_.point_at(monotonic_ns()));
}

/// One that takes two windows is asked to end; one that does not is told of, once: no thread can be
/// stopped from outside.
void WindowLoop::watch_extractors() {
    for (std::size_t slot = 0; slot < sessions_.size(); ++slot) {
        const Nanoseconds limit = kPatience * options_.period;
        const Nanoseconds taken = sessions_[slot]->watch_extractor(monotonic_ns(), limit);
        if (taken < limit + options_.period || !options_.on_notice) continue;
        if (std::exchange(open_[slot].is_stuck_told, true)) continue;
        options_.on_notice(
            fmt::format("the extractor of {} has not come back for {:.1f} s; counting goes on, its "
                        "window grows",
                        chain_.pair(slot).name(), static_cast<double>(taken) / 1e9));
    }
}

std::uint64_t WindowLoop::slots_due(std::int64_t point) const {
    std::uint64_t due = 0;
    for (std::size_t slot = 0; slot < sessions_.size(); ++slot) {
        const bool is_open = open_[slot].number != kNoMoreWindows;
        const bool is_over = is_stopping_ || point > open_[slot].opened_at;
        if (is_open && is_over && sessions_[slot]->is_twin_clean()) due |= Chain::bit(slot);
    }
    return due;
}

/// Once per grid point: one flip and one grace period for all probes whose windows end here.
Result<> WindowLoop::close_windows(std::int64_t point) {
    const std::uint64_t due = slots_due(point);
    if (due == 0) return {};
    Closing closing{.point = point, .begin = monotonic_ns(), .counts = {}};
    chain_.flip(due);
    closing.flipped = monotonic_ns();
    closing.unix_ns = closing.flipped + unix_offset_ns();
    if (auto r = grace_.wait(); !r) return wrap(r, "grace");
    closing.quiet = monotonic_ns();
    closing.counts = read_counts();
    for (std::size_t slot = 0; slot < sessions_.size(); ++slot)
        if ((due & Chain::bit(slot)) != 0) run_window(slot, closing);
    counted_.tail_call_misses = closing.counts.tail_call_misses;
    pending_errors_.clear();
    return {};
}

/// flip and grace are over; here: read, then on the worker predict, extract, report; release()
/// clears.
void WindowLoop::run_window(std::size_t slot, const Closing& closing) {
    const unsigned retired = chain_.active(slot) ^ 1;
    Window window = describe(slot, closing);
    take_counts(window, chain_.pair(slot).clone(retired), closing.counts, counted_);
    sessions_[slot]->read(retired, std::move(window));
    sessions_[slot]->hand_over(sink_, closing.begin);
    open_[slot] = {.number = is_last_window(slot) ? kNoMoreWindows : open_[slot].number + 1,
                   .opened_at = closing.point,
                   .start_unix_ns = closing.unix_ns};
}

Window WindowLoop::describe(std::size_t slot, const Closing& closing) const {
    Window window;
    window.number = open_[slot].number;
    window.probe = chain_.pair(slot).name();
    window.interface = options_.interface;
    window.hook = "xdp";
    window.mode = options_.mode;
    window.start_ns = open_[slot].start_unix_ns;
    window.end_ns = closing.unix_ns;
    window.timings_us.flip = microseconds(closing.begin, closing.flipped);
    window.timings_us.grace = microseconds(closing.flipped, closing.quiet);
    window.health.late = Grid::late(open_[slot].opened_at, closing.point);
    window.health.errors = pending_errors_;
    window.health.tail_call_misses = closing.counts.tail_call_misses - counted_.tail_call_misses;
    return window;
}

/// A reading that fails is told of; its packets are in the next window of the same clone: none is
/// lost.
HookCounts WindowLoop::read_counts() {
    auto counts = chain_.counts();
    if (counts) return *counts;
    pending_errors_.push_back(counts.error().message);
    return counted_;
}

Result<> WindowLoop::release(std::size_t slot) {
    if (auto r = sessions_[slot]->worker().take_result(); !r) return wrap(r, "report");
    return clear(slot);
}

/// A failure is tried again at the next grid point, meanwhile the window stays open. One that lasts
/// ends the run: else it would go on for ever and report nothing.
Result<> WindowLoop::clear(std::size_t slot) {
    int& failures = open_[slot].failed_clears;
    auto r = sessions_[slot]->clear();
    failures = r ? 0 : failures + 1;
    if (r || open_[slot].number == kNoMoreWindows) return {};
    if (is_stopping_ || failures == kMaxFailedClears) return r;
    if (failures == 1) pending_errors_.push_back(r.error().message);
    return {};
}

bool WindowLoop::is_last_window(std::size_t slot) const {
    return is_stopping_ ||
           (options_.max_windows != 0 && open_[slot].number == options_.max_windows);
}

bool WindowLoop::is_finished() const {
    return std::ranges::all_of(open_, [](const Open& o) { return o.number == kNoMoreWindows; }) &&
           std::ranges::all_of(sessions_, [](const auto& s) { return s->worker().is_idle(); });
}

}  // namespace weir

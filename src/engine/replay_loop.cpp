// SPDX-License-Identifier: Apache-2.0
#include "engine/replay_loop.h"

#include <fmt/format.h>
#include <poll.h>

#include <filesystem>

#include "engine/counts.h"
#include "util/clock.h"

namespace weir {
namespace {

constexpr std::uint64_t kPacketsPerLook = 1024;  // for a stop: 1.5 ms; a system call per packet
                                                 // would be a tenth of its time

bool is_readable(int fd) {
    pollfd stop{.fd = fd, .events = POLLIN, .revents = 0};
    return fd >= 0 && ::poll(&stop, 1, 0) > 0;
}

}  // namespace

ReplayLoop::ReplayLoop(Chain& chain, ProbeSession& session, ReplayClock& clock,
                       capture::Reader& reader, LogReader* log, WindowSink& sink,
                       const ReplayOptions& options)
    : chain_(chain),
      session_(session),
      clock_(clock),
      reader_(reader),
      log_(log),
      sink_(sink),
      options_(options),
      runs_(chain.pivot()) {}

Result<ReplaySummary> ReplayLoop::run(int stop_fd) {
    if (auto r = run_packets(stop_fd); !r) return pass_on(r);
    if (cut_ && !is_last())
        if (auto r = close_window(cut_->start(), latest_ns_, 0); !r) return pass_on(r);
    if (!reader_.broken().empty()) summary_.notices.push_back(reader_.broken());
    if (too_long_ != 0)
        summary_.notices.push_back(
            fmt::format("{} frames are too long for the kernel to run a program on; packet {} is "
                        "the first",
                        too_long_, first_too_long_));
    return std::move(summary_);
}

Result<> ReplayLoop::run_packets(int stop_fd) {
    while (auto packet = reader_.next()) {
        if (auto r = cut_before(packet->time_ns); !r) return r;
        if (is_last()) return {};
        if (auto r = run_packet(*packet); !r)
            return wrap(r, fmt::format("packet {}", packet->number));
        ++summary_.packets;
        if (summary_.packets % kPacketsPerLook != 0) continue;
        if (options_.on_progress)
            options_.on_progress({.packets = summary_.packets,
                                  .bytes_read = reader_.position(),
                                  .file_bytes = reader_.file_bytes()});
        if (is_readable(stop_fd)) return {};
    }
    return {};
}

Result<> ReplayLoop::run_packet(const capture::Packet& packet) {
    latest_ns_ = std::max(latest_ns_, packet.time_ns);
    clock_.set(packet.time_ns);
    auto outcome = runs_.run(packet.bytes);
    if (!outcome) return pass_on(outcome);
    session_.deliver_copies();
    if (log_ != nullptr) log_->drain();
    if (*outcome == bpf::TestRun::Outcome::TooShort) ++unseen_.too_short;
    if (*outcome != bpf::TestRun::Outcome::TooLong) return {};
    ++unseen_.too_long;
    if (too_long_++ == 0) first_too_long_ = packet.number;
    return {};
}

/// Closes what ends before a packet of that time: the open window, and the empty ones after it.
Result<> ReplayLoop::cut_before(Nanoseconds time) {
    if (!cut_) {
        cut_.emplace(options_.rule, options_.window.count(), time);
        latest_ns_ = time;
    }
    if (!cut_->is_over(time)) return {};
    const Nanoseconds end = cut_->end();
    if (auto r = close_window(cut_->start(), end, 0); !r || is_last()) return r;
    const std::uint64_t skipped = cut_->advance(time);
    latest_ns_ = cut_->start();
    return skipped == 0 ? Result<>{} : close_window(end, cut_->start(), skipped);
}

/// flip -> read -> predict, extract, report on the worker -> clear, as live.
Result<> ReplayLoop::close_window(Nanoseconds start, Nanoseconds end, std::uint64_t skipped) {
    const Nanoseconds begin = monotonic_ns();
    chain_.flip(Chain::bit(0));
    const Nanoseconds flipped = monotonic_ns();
    const unsigned retired = chain_.active(0) ^ 1;
    auto counts = chain_.counts();
    if (!counts) return pass_on(counts);
    Window window = describe(start, end, skipped);
    window.timings_us.flip = static_cast<double>(flipped - begin) / 1e3;
    window.health.tail_call_misses = counts->tail_call_misses - counted_.tail_call_misses;
    counted_.tail_call_misses = counts->tail_call_misses;
    take_counts(window, chain_.pair(0).clone(retired), *counts, counted_);
    session_.read(retired, std::move(window));
    session_.hand_over(sink_, begin);
    if (auto r = session_.worker().take_result(); !r) return wrap(r, "report");
    ++summary_.windows;
    unseen_ = {};
    return session_.clear();
}

Window ReplayLoop::describe(Nanoseconds start, Nanoseconds end, std::uint64_t skipped) const {
    Window window;
    window.number = summary_.windows + 1;
    window.probe = chain_.pair(0).name();
    window.interface = std::filesystem::path(options_.file).filename();
    window.hook = "replay";
    window.mode = "replay";
    window.start_ns = start;
    window.end_ns = end;
    window.skipped = skipped;
    window.health.unseen = unseen_;
    return window;
}

}  // namespace weir

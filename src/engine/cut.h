// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the windows of a replay begin and end, by the times of packets alone. Values; no clock.
//
//     if (cut.is_over(time)) { report(cut.start(), cut.end()); gap = cut.advance(time); }
#include <cstdint>

#include "util/clock.h"
#include "weir/replay.h"

namespace weir {

class WindowCut {
public:
    /// Opens the first window, at the first packet's time.
    WindowCut(WindowRule rule, Nanoseconds period, Nanoseconds first)
        : rule_(rule), period_(period), start_(first) {}

    [[nodiscard]] Nanoseconds start() const { return start_; }
    [[nodiscard]] Nanoseconds end() const { return start_ + period_; }

    /// Whether a packet of that time is after the open window. An earlier one than its start is in.
    [[nodiscard]] bool is_over(Nanoseconds time) const {
        return rule_ == WindowRule::Fixed ? time >= end() : time > end();
    }

    /// Opens the window that the packet is in. Returns how many windows in between are empty; they
    /// lie between the end() before and the start() after. Precondition: is_over(time).
    std::uint64_t advance(Nanoseconds time) {
        if (rule_ == WindowRule::Lucid) {
            start_ = time;
            return 0;
        }
        const Nanoseconds steps = (time - start_) / period_;
        start_ += steps * period_;
        return static_cast<std::uint64_t>(steps - 1);
    }

private:
    WindowRule rule_;
    Nanoseconds period_;
    Nanoseconds start_;
};

}  // namespace weir

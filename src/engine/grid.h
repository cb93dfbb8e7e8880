// SPDX-License-Identifier: Apache-2.0
#pragma once
// The fixed grid on which windows close: point k is start + k * period, for ever, without drift.
// Immutable values; time is given, never asked for.
#include <cstdint>

#include "util/clock.h"

namespace weir {

class Grid {
public:
    Grid(Nanoseconds start, Nanoseconds period) : start_(start), period_(period) {}

    /// The last point that is not after `now`; 0 at the start.
    [[nodiscard]] std::int64_t point_at(Nanoseconds now) const { return (now - start_) / period_; }

    [[nodiscard]] Nanoseconds time_of(std::int64_t point) const { return start_ + point * period_; }

    /// Grid points that passed between the one at which a window that opened at `opened` should
    /// have closed and the one at which it does.
    [[nodiscard]] static std::uint64_t late(std::int64_t opened, std::int64_t closed) {
        return closed > opened + 1 ? static_cast<std::uint64_t>(closed - opened - 1) : 0;
    }

private:
    Nanoseconds start_;
    Nanoseconds period_;
};

}  // namespace weir

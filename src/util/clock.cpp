// SPDX-License-Identifier: Apache-2.0
#include "util/clock.h"

#include <ctime>

namespace weir {
namespace {

Nanoseconds now(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return Nanoseconds{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

Nanoseconds monotonic_ns() { return now(CLOCK_MONOTONIC); }
Nanoseconds unix_ns() { return now(CLOCK_REALTIME); }

Nanoseconds unix_offset_ns() {
    // Between two readings of the one clock, the other's middle: a preemption in between costs
    // accuracy of half its length at most.
    const Nanoseconds before = monotonic_ns();
    const Nanoseconds unix = unix_ns();
    const Nanoseconds after = monotonic_ns();
    return unix - (before + (after - before) / 2);
}

}  // namespace weir

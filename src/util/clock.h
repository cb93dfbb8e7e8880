// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's clocks in nanoseconds. Thread-safe.
#include <cstdint>

namespace weir {

using Nanoseconds = std::int64_t;

[[nodiscard]] Nanoseconds monotonic_ns();  ///< CLOCK_MONOTONIC: what bpf_ktime_get_ns() gives
[[nodiscard]] Nanoseconds unix_ns();       ///< CLOCK_REALTIME

/// Unix time minus monotonic time, now. Changes when the clock is set or slewed: take it at each
/// flip.
[[nodiscard]] Nanoseconds unix_offset_ns();

}  // namespace weir

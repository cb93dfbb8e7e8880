// SPDX-License-Identifier: Apache-2.0
#pragma once
// `weir doctor`: what works here and what does not, and why. Each line is the outcome of a call
// made now. Thread rule: the main thread.

namespace weir::cli {

enum class DoctorFormat { Text, Json };

/// Prints to stdout. Returns the exit code: 0 where `weir inject` can work, else that of the first
/// thing it lacks (3 privileges, 7 the kernel). Cost: about 0.3 s, most of it clang and an RCU
/// grace period.
[[nodiscard]] int run_doctor(DoctorFormat format);

}  // namespace weir::cli

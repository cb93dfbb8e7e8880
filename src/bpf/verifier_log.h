// SPDX-License-Identifier: Apache-2.0
#pragma once
// The lines of a verifier log that tell a person what is wrong. Pure function.
#include <string>
#include <string_view>

namespace weir::bpf {

/// The last source line before the complaint (as the kernel prints it, "; code @ file.c:12"), then
/// the complaint itself: what stands after the last instruction and before the statistics. Without
/// source lines the last instruction stands for them. Empty log: empty.
[[nodiscard]] std::string essence(std::string_view log);

}  // namespace weir::bpf

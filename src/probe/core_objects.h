// SPDX-License-Identifier: Apache-2.0
#pragma once
// The core programs (bpf/core/), compiled into the binary. Immutable.
#include <cstddef>
#include <span>

namespace weir::core {

[[nodiscard]] std::span<const std::byte> pivot();
[[nodiscard]] std::span<const std::byte> stub();
[[nodiscard]] std::span<const std::byte> drain();
[[nodiscard]] std::span<const std::byte> drain_hash();

}  // namespace weir::core

// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much memory there is to take. Thread-safe.
#include <cstdint>
#include <string>

#include "weir/result.h"

namespace weir {

/// Bytes that the machine could give now without swapping (MemAvailable), or that the process's
/// cgroup still allows, whichever is less. Errors: Io.
[[nodiscard]] Result<std::uint64_t> available_memory_bytes();

/// "98 MB", "16 kB", "512 B": 1024-based, two digits at least.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace weir

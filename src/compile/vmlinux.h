// SPDX-License-Identifier: Apache-2.0
#pragma once
// vmlinux.h of the running kernel, generated once and kept in the cache. Thread-safe.
#include <filesystem>

#include "weir/result.h"

namespace weir::compile {

/// The folder that holds vmlinux.h; made when this kernel's is not there yet.
/// Errors: Unsupported (this kernel has no BTF), Permission, Io.
/// Cost: 100 to 200 ms the first time on a kernel, then three small files.
[[nodiscard]] Result<std::filesystem::path> vmlinux_folder(const std::filesystem::path& cache);

}  // namespace weir::compile

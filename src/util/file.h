// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whole files, in and out. Thread-safe.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir {

/// Errors: NotFound, Permission, Io; the message names the file.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path);
[[nodiscard]] Result<std::vector<std::byte>> read_bytes(const std::filesystem::path& path);

/// Writes beside the target under a temporary name and renames: readers see the old file or the new
/// one, whole. Mode 0600. On error nothing is left behind.
[[nodiscard]] Result<> write_atomically(const std::filesystem::path& path,
                                        std::span<const std::byte> bytes);

}  // namespace weir

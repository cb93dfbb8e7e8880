// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whole files, in and out. Thread-safe.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir {

/// Errors: NotFound, Permission, Io; the message names the file.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path);
[[nodiscard]] Result<std::vector<std::byte>> read_bytes(const std::filesystem::path& path);

/// The size of a regular file; what would be waited for, or read for ever, is refused. Errors:
/// NotFound, Permission, Invalid (a folder, a device, a named pipe), Io; the message names the
/// file.
[[nodiscard]] Result<std::uint64_t> regular_file_bytes(const std::filesystem::path& path);

/// Writes beside the target under a temporary name and renames: readers see the old file or the new
/// one, whole. Mode 0600. On error nothing is left behind.
[[nodiscard]] Result<> write_atomically(const std::filesystem::path& path,
                                        std::span<const std::byte> bytes);

/// The same for a file that the user asked for: who may read it is what umask says.
[[nodiscard]] Result<> write_result(const std::filesystem::path& path,
                                    std::span<const std::byte> bytes);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The file of a capture as a stdio stream that libpcap can read: plain or gzipped.
//
// Ownership: libpcap closes the stream; the descriptor for position() is ours. One thread.
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "util/fd.h"
#include "weir/result.h"

namespace weir::capture {

struct File {
    std::FILE* stream = nullptr;  // not yet owned by anybody who closes it
    UniqueFd position;            // shares its offset with the stream
    std::uint64_t bytes = 0;      // on disk

    /// Errors: NotFound, Permission, Invalid (a directory), Io.
    [[nodiscard]] static Result<File> open(const std::filesystem::path& path);
};

}  // namespace weir::capture

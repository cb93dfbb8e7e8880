// SPDX-License-Identifier: Apache-2.0
#pragma once
// From an extractor's C++ source to a shared library, by the system's compiler; kept in the cache,
// so that a second start runs none.
//
//     auto library = extract::compile_plugin("top.cpp", share);
//
// Ownership: plain values. Thread-safe (the cache is written by rename).
#include <cstddef>
#include <filesystem>
#include <vector>

#include "weir/result.h"

namespace weir::extract {

/// The bytes of the library. `share` holds the headers (cxx/weir/extractor.h). Compiler: $CXX, else
/// c++, g++ or clang++ on PATH; C++23, -O2.
/// Errors: NotFound (no such file, no compiler), Invalid (does not compile: the message holds the
/// compiler's diagnostics), Io or Permission (cache folder). Cost: cold, a run of the compiler (one
/// to three seconds); from the cache, one hash of each file that went in.
[[nodiscard]] Result<std::vector<std::byte>> compile_plugin(const std::filesystem::path& source,
                                                            const std::filesystem::path& share);

}  // namespace weir::extract

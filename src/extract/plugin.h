// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared libraries with an extractor in them.
//
// Ownership: the library stays loaded as long as somebody holds it. Thread-safe.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "weir/extractor.h"
#include "weir/result.h"

namespace weir::extract {

struct LoadedExtractor {
    std::shared_ptr<void> library;
    std::unique_ptr<Extractor> extractor;
};

/// A plugin that WEIR_EXTRACTOR made. Errors: NotFound, Invalid (no library, nothing in it,
/// constructor threw), Unsupported (built for another version of weir: both are named).
[[nodiscard]] Result<LoadedExtractor> load_plugin(const std::filesystem::path& library);
/// The same, from memory.
[[nodiscard]] Result<LoadedExtractor> load_plugin(std::span<const std::byte> library,
                                                  const std::string& name);
/// A Python script, by the library that embeds Python; that is loaded only here. Errors:
/// Unsupported (this weir was built without Python, or none is installed).
[[nodiscard]] Result<LoadedExtractor> load_python(const std::filesystem::path& script,
                                                  const std::filesystem::path& share);

}  // namespace weir::extract

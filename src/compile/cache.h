// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compiled probes, kept between starts. One file per (source path, options, compiler): it lists
// every file that went into the object with the hash of its content, and holds the object. A hit
// reads and hashes these files and starts no compiler.
//
//     if (auto hit = find_cached(folder, key)) return *hit;
//
// Not seen: a header that appears later in a folder searched before the one where it was found, and
// what
// __has_include() answered. Entries are written by rename and carry a checksum: two processes may
// write the same one, and one that was cut short is a miss. Thread-safe.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compile/compiler.h"

namespace weir::compile {

/// A file that went into an object, and what was in it.
struct InputFile {
    std::string path;
    std::string hash;
    bool operator==(const InputFile&) const = default;
};

/// Stands for the running kernel's types in a list of inputs: a generated vmlinux.h is one
/// kernel's.
constexpr const char* kKernelTypes = "<kernel types>";

/// The inputs as they are now. Errors: NotFound, Permission, Io.
[[nodiscard]] Result<std::vector<InputFile>> hash_inputs(const std::vector<std::string>& paths);

/// The entry of that key if all its inputs are as they were. Never an error: what cannot be read is
/// a miss.
[[nodiscard]] std::optional<Compiled> find_cached(const std::filesystem::path& folder,
                                                  const std::string& key);

/// Also removes what was not used for 30 days. On error the old entry, if any, is intact.
[[nodiscard]] Result<> store_cached(const std::filesystem::path& folder, const std::string& key,
                                    const Compiled& compiled, const std::vector<InputFile>& inputs);

}  // namespace weir::compile

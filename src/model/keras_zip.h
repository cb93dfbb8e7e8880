// SPDX-License-Identifier: Apache-2.0
#pragma once
// Members of a zip file, with a limit on what is unpacked.
//
// Ownership: owns the open file. Thread rule: one thread at a time.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "weir/result.h"

struct zip;

namespace weir::model::keras {

class ZipFile {
public:
    /// Errors: Invalid, with what libzip says.
    [[nodiscard]] static Result<ZipFile> open(const std::filesystem::path& path);

    /// nullopt: there is none. Errors: Invalid (broken, encrypted, or it would unpack to more than
    /// `most_bytes`, or to a hundred times the size of the file).
    [[nodiscard]] Result<std::optional<std::string>> read(const std::string& name,
                                                          std::uint64_t most_bytes);

private:
    struct Close {
        void operator()(zip* file) const noexcept;
    };
    ZipFile(zip* file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}

    std::unique_ptr<zip, Close> file_;
    std::uint64_t bytes_;
};

}  // namespace weir::model::keras

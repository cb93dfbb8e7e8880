// SPDX-License-Identifier: Apache-2.0
#pragma once
// A folder for one test's files. Ownership: removes it with all that is in it. One thread.
#include <filesystem>
#include <string>
#include <string_view>

namespace weir::test {

class ScratchFolder {
public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Writes (over) a file in it.
    [[nodiscard]] std::filesystem::path file(const std::string& name,
                                             std::string_view content) const;

private:
    std::filesystem::path path_;
};

}  // namespace weir::test

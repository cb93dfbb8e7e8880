// SPDX-License-Identifier: Apache-2.0
#include "support/scratch_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace weir::test {

ScratchFolder::ScratchFolder() {
    std::string name = std::filesystem::temp_directory_path() / "weir-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
}

ScratchFolder::~ScratchFolder() { std::filesystem::remove_all(path_); }

std::filesystem::path ScratchFolder::file(const std::string& name, std::string_view content) const {
    std::filesystem::path file = path_ / name;
    std::ofstream(file, std::ios::binary) << content;
    return file;
}

}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A folder of its own for each test of the compiler: sources, a private cache, and a clang that
// counts how often it was started. Everything is gone when the test ends. Thread rule: one thread
// per test.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "compile/compiler.h"
#include "util/file.h"

namespace weir::test {

class CompileTest : public ::testing::Test {
protected:
    CompileTest() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "weir-compile.XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        ::setenv("WEIR_CACHE", (folder_ / "cache").c_str(), 1);
        ::unsetenv("WEIR_CLANG");
    }
    CompileTest(const CompileTest&) = delete;
    CompileTest& operator=(const CompileTest&) = delete;
    ~CompileTest() override {
        ::unsetenv("WEIR_CACHE");
        ::unsetenv("WEIR_CLANG");
        std::error_code ignored;  // a folder left in /tmp is no reason to fail
        std::filesystem::remove_all(folder_, ignored);
    }

    std::filesystem::path write(const std::string& name, const std::string& text) {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << text;
        return folder_ / name;
    }

    /// From here on WEIR_CLANG is a script that writes one line per start and then is clang-19.
    void count_compilers() {
        const auto script =
            write("clang", "#!/bin/sh\necho run >> " + (folder_ / "runs").string() +
                               "\nexec $(command -v clang-19 || command -v clang) \"$@\"\n");
        ::chmod(script.c_str(), 0755);
        ::setenv("WEIR_CLANG", script.c_str(), 1);
    }
    [[nodiscard]] std::size_t compilers_started() const {
        const auto runs = read_text(folder_ / "runs");
        return runs ? runs->size() / std::string("run\n").size() : 0;
    }

    [[nodiscard]] static Result<compile::Compiled> compile(const std::filesystem::path& source,
                                                           compile::Options options = {}) {
        options.include_dir = WEIR_SOURCE_DIR "/bpf";
        return compile::compile(source, options);
    }

    std::filesystem::path folder_;
};

/// A small probe in the style of libbpf; `body` stands before its return.
inline std::string libbpf_probe(const std::string& body = "", const std::string& head = "") {
    return "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n" + head +
           "SEC(\"xdp\") int f(struct xdp_md *ctx)\n{\n" + body +
           "    return XDP_PASS;\n}\nchar _license[] SEC(\"license\") = \"GPL\";\n";
}

}  // namespace weir::test

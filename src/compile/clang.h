// SPDX-License-Identifier: Apache-2.0
#pragma once
// The compiler as a child process: which one, with which flags, and what its complaints mean for
// people.
//
//     auto clang = find_clang();
//     auto output = run_clang(*clang, flags, translation_unit);
//
// Ownership: plain values. Thread-safe.
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compile/compiler.h"
#include "util/process.h"

namespace weir::compile {

struct Clang {
    std::string path;
    std::string
        identity;  // changes when another compiler is installed there; found without starting it
};

/// $WEIR_CLANG; else clang-19, else the highest clang-N with N >= 14 on PATH, else clang on PATH.
/// Errors: NotFound.
[[nodiscard]] Result<Clang> find_clang();

struct FlagChoice {
    Dialect dialect = Dialect::Libbpf;
    Hook hook = Hook::Xdp;
    std::vector<std::string> bcc_defines = {};  // WEIR_BCC_*: what the prelude has to bring
    std::filesystem::path source_dir = {};
    bool with_kernel_names = false;  // the source is the kernel's: see <weir/kernel_names.h>
};

/// Everything but the action (-E, -c) and the input; the user's --cflags come last.
[[nodiscard]] std::vector<std::string> clang_flags(const Options& options,
                                                   const FlagChoice& choice);

/// Runs clang on a translation unit given as text; what it makes comes back as its output.
[[nodiscard]] Result<ProcessOutput> run_clang(const Clang& clang,
                                              std::span<const std::string> flags,
                                              std::string_view translation_unit);

/// How the author's file was named by the user, and how the compiler was told of it.
struct SourceName {
    std::string shown;
    std::string absolute;
    std::string weir_headers;  // notes that point in there say nothing to the author
};

/// Invalid; the message holds the errors among clang's diagnostics, the log all of them.
[[nodiscard]] Error compile_error(const SourceName& source, const ProcessOutput& output);

}  // namespace weir::compile

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finds what a preprocessed C file defines: functions with their section, linkage and parameters,
// and the variables of SEC("maps"). A reader of declarations, not a parser of C: it needs to know
// where each top-level declaration begins and ends, nothing about the bodies between.
//
//     const Scan scan = scan_source(clang_minus_E, {.own_headers = include_dir});
//
// Ownership: plain values. Thread-safe.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weir::compile {

/// What the first parameter of a function says about the hook it is for.
enum class Context { None, Xdp, Tc };  // other; struct xdp_md *; struct __sk_buff *

struct Function {
    std::string name;
    std::string section;  // without libbpf's leading '?'; empty: none
    Context context = Context::None;
    unsigned parameters = 0;
    bool is_static = false;
    bool is_inline = false;
    bool is_own = false;  // in the author's tree, neither a system header nor one of weir's
    std::string file;
    unsigned line = 0;
};

struct Scan {
    std::vector<Function> functions;    // definitions in the order of the text
    std::vector<std::string> old_maps;  // names of variables in SEC("maps")
    std::vector<std::string> files;     // every file that was included
};

struct ScanOptions {
    std::filesystem::path weir_headers;  // functions in here are never the author's
};

[[nodiscard]] Scan scan_source(std::string_view preprocessed, const ScanOptions& options);

}  // namespace weir::compile

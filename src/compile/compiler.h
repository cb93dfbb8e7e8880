// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a probe's C source to an object with BTF: finds the dialect and the entry function,
// generates the translation unit that wraps it (bpf/weir/entry.h), runs `clang -target bpf`, and
// keeps the result in the cache, so that a second start runs no compiler.
//
//     auto built = compile::compile(path, {.include_dir = share / "include"});
//
// Ownership: plain values. Thread-safe (the cache is written by rename).
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "weir/hook.h"
#include "weir/result.h"

namespace weir::compile {

enum class Dialect {
    Native,  // includes <weir/...>; WEIR_PROBE brings its own wrapper
    Libbpf,  // SEC("xdp") int f(struct xdp_md *ctx)
    Bcc,     // BPF_HASH(...), handle_rx, handler: no SEC at all
};

[[nodiscard]] const char* dialect_name(Dialect dialect);

struct Options {
    std::optional<Hook> hook = {};  // none: xdp, or tc-ingress where all programs are for tc
    std::filesystem::path include_dir = {};  // holds weir/probe.h; <weir/bcc> for the BCC dialect
    std::string program = {};                // --program; empty: the rules of docs/design.md decide
    std::vector<std::string> cflags = {};    // --cflags, after our own
};

struct Compiled {
    std::vector<std::byte> elf;
    Dialect dialect = Dialect::Libbpf;
    Hook hook = Hook::Xdp;
    std::string function;  // the author's function that was wrapped; shown to users
    std::vector<std::string>
        notices;  // one line each: "SEC(\"prog\") is not a name libbpf knows; ..."
    bool from_cache = false;
};

/// Compiles one source file.
/// Errors: NotFound (no such file, no clang); Invalid (does not compile: the message holds clang's
/// own diagnostics with file:line:column, the log its whole output; no program or several: the
/// message lists the candidates; SEC("maps") definitions; a macro of BCC that weir cannot have, by
/// name); Io or Permission (cache folder). Cost: cold, two runs of clang (50 to 300 ms); from the
/// cache, one hash of each file that went in.
[[nodiscard]] Result<Compiled> compile(const std::filesystem::path& source, const Options& options);

}  // namespace weir::compile

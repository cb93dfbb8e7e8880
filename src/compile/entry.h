// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decides which function of a source is the program. The rules are those of docs/design.md,
// "Programs and entry points". Ownership: plain values. Thread-safe.
#include <optional>
#include <string>
#include <vector>

#include "compile/compiler.h"
#include "compile/scan.h"

namespace weir::compile {

enum class Wrapper {
    Inside,       // WEIR_PROBE brought it
    Context,      // int f(struct xdp_md *ctx); on tc, int f(struct __sk_buff *ctx)
    BccMetadata,  // int handler(struct CTXTYPE *ctx, struct pkt_metadata *md), or handle_rx
                  // likewise
};

struct Entry {
    std::string function;  // the author's
    Wrapper wrapper = Wrapper::Context;
    Hook hook = Hook::Xdp;
    std::vector<std::string> notices;
};

/// What the user said of the program that is wanted.
struct EntryWish {
    std::string program = {};       // --program, or empty
    std::optional<Hook> hook = {};  // --hook; none: xdp, or tc-ingress where no program is for xdp
};

/// Errors: Invalid (no program, several, only programs for the other kind of hook, no such
/// function, SEC("maps")); the message lists the candidates with section and line.
[[nodiscard]] Result<Entry> choose_entry(const Scan& scan, const EntryWish& wish);

}  // namespace weir::compile

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decides which function of a source is the program. The rules are those of docs/design.md,
// "Programs and entry points". Ownership: plain values. Thread-safe.
#include <string>
#include <vector>

#include "compile/compiler.h"
#include "compile/scan.h"

namespace weir::compile {

enum class Wrapper {
    Inside,       // WEIR_PROBE brought it
    Xdp,          // int f(struct xdp_md *ctx)
    BccMetadata,  // int handler(struct CTXTYPE *ctx, struct pkt_metadata *md), or handle_rx
                  // likewise
};

struct Entry {
    std::string function;  // the author's
    Wrapper wrapper = Wrapper::Xdp;
    std::vector<std::string> notices;
};

/// `program` is --program, or empty.
/// Errors: Invalid (no program, several, only tc programs, no such function, SEC("maps")); the
/// message lists the candidates with section and line.
[[nodiscard]] Result<Entry> choose_entry(const Scan& scan, const std::string& program);

}  // namespace weir::compile

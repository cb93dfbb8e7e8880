// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which program of a ready object a probe begins with; the rules for sources are in compile/. Pure.
#include <string>
#include <vector>

#include "bpf/object.h"
#include "compile/entry.h"
#include "weir/result.h"

namespace weir {

struct ObjectEntry {
    std::string function;  // the author's
    std::string entry;     // the program that stands in the chain: weir_entry, or `function` itself
    bool is_wrapped = false;
    Hook hook = Hook::Xdp;
    std::vector<std::string> notices;
};

/// `wish`: --program and --hook. Errors: Invalid (no program for that kind of hook, several: the
/// candidates are listed; built with weir's headers for the other kind), Unsupported (ABI version).
[[nodiscard]] Result<ObjectEntry> find_entry(bpf::Object& object, const compile::EntryWish& wish);

}  // namespace weir

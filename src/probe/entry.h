// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which program of a ready object a probe begins with; the rules for sources are in compile/. Pure.
#include <string>
#include <vector>

#include "bpf/object.h"
#include "weir/result.h"

namespace weir {

struct ObjectEntry {
    std::string function;  // the author's
    std::string entry;     // the program that stands in the chain: weir_entry, or `function` itself
    bool is_wrapped = false;
    std::vector<std::string> notices;
};

/// `program`: --program, or empty.
/// Errors: Invalid (no XDP program, several: the candidates are listed), Unsupported (ABI version).
[[nodiscard]] Result<ObjectEntry> find_entry(bpf::Object& object, const std::string& program);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Fields of map values that the kernel manages itself. Pure functions on types.
#include "bpf/type.h"

namespace weir {

struct SpecialFields {
    bool has_lock = false;     // bpf_spin_lock, bpf_res_spin_lock
    bool has_timer = false;    // bpf_timer, bpf_wq: callbacks that run at any time
    bool has_pointer = false;  // pointers (kptr among them), lists, trees
    [[nodiscard]] bool any() const { return has_lock || has_timer || has_pointer; }
};

/// Source: kernel/bpf/btf.c:btf_parse_fields; values with such fields cannot be mmap-ed.
[[nodiscard]] SpecialFields special_fields(const bpf::Type& type);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tail calls that a probe makes itself, by what its object says: a packet gets 33 of them, and
// its chain needs one for each slot. Pure.
#include <string>

#include "bpf/object.h"

namespace weir {

struct TailCalls {
    bool leave_entry = false;  // out of the entry: control never comes back to it
    // On one packet's way, taken that no program is entered twice: all programs that lie in its
    // arrays from the start; for an array without such, its size, as far as the kernel goes.
    unsigned at_most = 0;
};

/// `entry`: the program that stands in the chain. What weir's own headers call is left out.
[[nodiscard]] TailCalls find_tail_calls(const bpf::Object& object, const std::string& entry);

}  // namespace weir

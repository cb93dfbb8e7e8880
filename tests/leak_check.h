// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a test binary must leave as it found it: descriptors, BPF objects, pins, network namespaces,
// interfaces, queueing disciplines, children.
//
//     const auto before = take_inventory();
//     RUN_ALL_TESTS();
//     for (const auto& line : leaks_since(before, 5s)) report(line);
//
// Ownership: plain values. Thread rule: one thread, while no other thread of the process runs
// tests.
#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace weir::test {

/// Everything that exists now, one line each: "program 17", "interface veth0".
using Inventory = std::set<std::string>;

/// Objects of other processes of the machine are left out as far as they can be told (see
/// leak_check.cpp).
[[nodiscard]] Inventory take_inventory();

/// What exists now and did not before. Waits up to `grace` for the list to become empty: the kernel
/// frees programs and maps after an RCU grace period, and detaches interfaces after that.
[[nodiscard]] std::vector<std::string> leaks_since(const Inventory& before,
                                                   std::chrono::milliseconds grace);

/// Makes orphaned grandchildren ours, so that a leaked one is seen.
void adopt_orphans();

}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a window counted: the difference between two readings of its clone's counters, each made
// while the clone is retired. Pure function.
#include "chain/chain.h"
#include "weir/engine.h"

namespace weir {

/// Writes into `window` what `clone` counted since `counted`, which then stands at `now` for it.
inline void take_counts(Window& window, const Clone& clone, const HookCounts& now,
                        HookCounts& counted) {
    const std::uint32_t counter = clone.counter();
    const weir_counts& after = now.of.at(counter);
    weir_counts& before = counted.of.at(counter);
    const auto outcome = [&](weir_outcome which) {
        return after.outcome[which] - before.outcome[which];
    };
    window.packets = {.entered = after.entered - before.entered,
                      .recorded = outcome(WEIR_RECORDED),
                      .beyond = outcome(WEIR_BEYOND),
                      .untracked = outcome(WEIR_UNTRACKED),
                      .ignored = outcome(WEIR_IGNORED)};
    if (clone.find_map("weir_copies") != nullptr)
        window.health.copies = {.lost = after.copies_lost - before.copies_lost,
                                .cut = after.copies_cut - before.copies_cut};
    if (clone.find_map("weir_logs") != nullptr)
        window.health.logs_lost = after.logs_lost - before.logs_lost;
    if (clone.find_map(WEIR_REDIRECT_SECTION) != nullptr)
        window.health.redirects_lost = after.redirects_lost - before.redirects_lost;
    before = after;
}

}  // namespace weir

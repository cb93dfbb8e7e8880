// SPDX-License-Identifier: Apache-2.0
#include "probe/replay_clock.h"

#include <algorithm>
#include <atomic>

namespace weir {

Result<ReplayClock> ReplayClock::open(const ClonePair& pair) {
    ReplayClock clock;
    for (const unsigned clone : {0U, 1U}) {
        const bpf::Map* globals = pair.clone(clone).find_map(".data.weir");
        if (globals == nullptr) continue;
        const auto& variables = globals->shape().value->members;
        const auto word = std::ranges::find(variables, "weir_clock", &bpf::Member::name);
        if (word == variables.end() || word->type->size_bytes != sizeof(std::uint64_t)) continue;
        auto memory = globals->map_values();
        if (!memory) return wrap(memory, "clock");
        clock.words_.push_back({.memory = std::move(*memory), .offset = word->bit_offset / 8});
    }
    return clock;
}

void ReplayClock::set(std::int64_t unix_ns) {
    for (const Word& word : words_) {
        // SAFETY: the mapping is page-aligned, and a __u64 is aligned within its section.
        auto* at = reinterpret_cast<std::uint64_t*>(word.memory.bytes().data() + word.offset);
        std::atomic_ref<std::uint64_t>(*at).store(static_cast<std::uint64_t>(unix_ns),
                                                  std::memory_order_relaxed);
    }
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What time it is for a probe in a replay: the words behind weir_now() in both clones
// (bpf/weir/clock.h). A probe that does not ask for the time has none, a foreign object neither.
//
//     auto clock = ReplayClock::open(pair);
//     clock->set(packet.time_ns);              // before the packet runs
//
// Ownership: maps the clones' memory; the pair may move, but must live. Thread rule: the thread
// that runs the packets.
#include <cstdint>
#include <vector>

#include "probe/clone_pair.h"
#include "util/fd.h"
#include "weir/result.h"

namespace weir {

class ReplayClock {
public:
    /// Errors: Io, Permission.
    [[nodiscard]] static Result<ReplayClock> open(const ClonePair& pair);
    /// Cost: one store per clone.
    void set(std::int64_t unix_ns);
    /// Whether the probe asks for the time by weir_now().
    [[nodiscard]] bool is_used() const { return !words_.empty(); }

private:
    struct Word {
        Mapping memory;
        std::size_t offset = 0;
    };
    std::vector<Word> words_;
};

}  // namespace weir

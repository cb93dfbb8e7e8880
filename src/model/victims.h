// SPDX-License-Identifier: Apache-2.0
#pragma once
// Malicious flows, told by whom they hit: an attack of thousands of flows is one line then.
//
//     Victims victims;
//     victims.add(flow, score);
//     std::vector<Victim> worst_first = victims.list();
//
// Ownership: plain values. Thread rule: one thread.
#include <compare>
#include <cstdint>
#include <vector>

#include "model/ends.h"
#include "weir/window.h"

namespace weir::model {

class Victims {
public:
    void add(const FlowEnds& flow, float score);
    /// Those with the most flows first. Cost: one sort of the flows. Once.
    [[nodiscard]] std::vector<Victim> list();

private:
    /// An address as two numbers, which are compared sooner than 16 bytes.
    struct Words {
        std::uint64_t high, low;
        auto operator<=>(const Words&) const = default;
    };
    struct Hit {
        Words victim, source;
        std::uint64_t packets;
        float score;
    };
    [[nodiscard]] static Words words_of(const Address& address);
    [[nodiscard]] static Address address_of(const Words& words);
    using Hits = std::vector<Hit>::const_iterator;
    [[nodiscard]] static Victim describe(Hits first, Hits last);

    std::vector<Hit> hits_;
};

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#include "model/victims.h"

#include <endian.h>

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

namespace weir::model {
namespace {

constexpr std::size_t kTopSources = 3;

}  // namespace

Victims::Words Victims::words_of(const Address& address) {
    const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(address);
    return {.high = be64toh(words[0]), .low = be64toh(words[1])};
}

Address Victims::address_of(const Words& words) {
    return std::bit_cast<Address>(std::array{htobe64(words.high), htobe64(words.low)});
}

void Victims::add(const FlowEnds& flow, float score) {
    hits_.push_back({.victim = words_of(flow.destination),
                     .source = words_of(flow.source),
                     .packets = flow.packets,
                     .score = score});
}

/// Hits on one victim, sorted by source.
Victim Victims::describe(Hits first, Hits last) {
    Victim victim{.address = address_text(address_of(first->victim)),
                  .flows = static_cast<std::uint64_t>(last - first)};
    struct Source {
        std::ptrdiff_t flows;
        Words address;
    };
    std::vector<Source> top;  // the most flows first
    for (auto source = first; source != last;) {
        const auto end = std::find_if(source, last,
                                      [&](const Hit& hit) { return hit.source != source->source; });
        ++victim.sources;
        const auto place = std::ranges::find_if(
            top, [&](const Source& other) { return other.flows < end - source; });
        top.insert(place, {.flows = end - source, .address = source->source});
        top.resize(std::min(top.size(), kTopSources));
        source = end;
    }
    for (const Source& source : top)
        victim.top_sources.push_back(address_text(address_of(source.address)));
    for (auto hit = first; hit != last; ++hit) {
        victim.packets += hit->packets;
        victim.score = std::max(victim.score, hit->score);
    }
    return victim;
}

std::vector<Victim> Victims::list() {
    std::ranges::sort(hits_, {}, [](const Hit& hit) { return std::tie(hit.victim, hit.source); });
    std::vector<Victim> all;
    for (auto first = hits_.cbegin(); first != hits_.cend();) {
        const auto last = std::find_if(first, hits_.cend(),
                                       [&](const Hit& hit) { return hit.victim != first->victim; });
        all.push_back(describe(first, last));
        first = last;
    }
    const auto is_worse = [](const Victim& a, const Victim& b) {
        return std::tie(b.flows, a.address) < std::tie(a.flows, b.address);
    };
    std::ranges::sort(all, is_worse);
    return all;
}

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
// Flows told by whom they hit: against a count in plain maps.
#include "model/victims.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace weir::model {
namespace {

/// 10.0.0.N, as a flow tensor has it.
Address host(std::uint8_t n) {
    Address address = {};
    address[10] = address[11] = std::byte{0xff};
    address[12] = std::byte{10};
    address[15] = std::byte{n};
    return address;
}

FlowEnds flow(std::uint8_t source, std::uint8_t destination, std::uint64_t packets) {
    return {.source = host(source), .destination = host(destination), .packets = packets};
}

TEST(Victims, AreNoneWithoutFlows) { EXPECT_TRUE(Victims().list().empty()); }

TEST(Victims, ComeWithTheMostFlowsFirstAndTheirTopSources) {
    Victims victims;
    victims.add(flow(1, 100, 5), 0.6F);
    for (int i = 0; i < 4; ++i) victims.add(flow(2, 200, 10), 0.7F);
    for (int i = 0; i < 2; ++i) victims.add(flow(3, 200, 1), 0.9F);
    for (int i = 0; i < 3; ++i) victims.add(flow(4, 200, 1), 0.5F);
    victims.add(flow(5, 200, 1), 0.5F);
    const auto all = victims.list();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].address, "10.0.0.200");
    EXPECT_EQ(all[0].flows, 10U);
    EXPECT_EQ(all[0].packets, 46U);
    EXPECT_EQ(all[0].sources, 4U);
    EXPECT_EQ(all[0].score, 0.9F);
    EXPECT_EQ(all[0].top_sources, (std::vector<std::string>{"10.0.0.2", "10.0.0.4", "10.0.0.3"}));
    EXPECT_EQ(all[1].address, "10.0.0.100");
    EXPECT_EQ(all[1].sources, 1U);
    EXPECT_EQ(all[1].top_sources, std::vector<std::string>{"10.0.0.1"});
}

TEST(Victims, EqualACountInPlainMaps) {
    std::mt19937 random(3);  // NOLINT(*-msc51-cpp): the same flows every time
    struct Count {
        std::uint64_t flows = 0, packets = 0;
        std::set<std::string> sources;
    };
    std::map<std::string, Count> expected;
    Victims victims;
    for (std::uint64_t i = 0; i < 5000; ++i) {
        const auto source = static_cast<std::uint8_t>(random() % 200);
        const auto destination = static_cast<std::uint8_t>(random() % (1 + random() % 50));
        victims.add(flow(source, destination, i), 0.5F);
        Count& count = expected[address_text(host(destination))];
        ++count.flows;
        count.packets += i;
        count.sources.insert(address_text(host(source)));
    }
    const auto all = victims.list();
    ASSERT_EQ(all.size(), expected.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Count& count = expected[all[i].address];
        EXPECT_EQ(all[i].flows, count.flows);
        EXPECT_EQ(all[i].packets, count.packets);
        EXPECT_EQ(all[i].sources, count.sources.size());
        EXPECT_GE(all[i == 0 ? 0 : i - 1].flows, all[i].flows);
    }
}

}  // namespace
}  // namespace weir::model

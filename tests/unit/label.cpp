// SPDX-License-Identifier: Apache-2.0
// Labels of flows by subnets, compared bit by bit.
#include "model/label.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "model/data_set.h"

namespace weir::model {
namespace {

Address address(const std::string& text) {
    Address out = {};
    const std::string six = text.find(':') == std::string::npos ? "::ffff:" + text : text;
    EXPECT_EQ(inet_pton(AF_INET6, six.c_str(), out.data()), 1) << text;
    return out;
}

FlowEnds flow(const std::string& source, const std::string& destination,
              std::uint8_t protocol = 6) {
    return {.source = address(source), .destination = address(destination), .protocol = protocol};
}

bool bit_of(const Address& a, unsigned i) {
    return (std::to_integer<unsigned>(a.at(i / 8)) >> (7 - i % 8) & 1) != 0;
}

TEST(Subnet, ComparesSoManyLeadingBits) {
    std::mt19937 random(3);  // NOLINT(*-msc51-cpp): the same addresses every time
    for (int round = 0; round < 20'000; ++round) {
        Subnet subnet{.bits = static_cast<unsigned>(random() % 129)};
        for (std::byte& b : subnet.address) b = static_cast<std::byte>(random());
        Address other = subnet.address;
        const unsigned flipped = random() % 128;
        other.at(flipped / 8) ^= static_cast<std::byte>(0x80 >> flipped % 8);
        bool is_in = true;
        for (unsigned i = 0; i < subnet.bits; ++i)
            is_in &= bit_of(subnet.address, i) == bit_of(other, i);
        ASSERT_EQ(subnet.has(other), is_in) << subnet.bits << " bits, bit " << flipped;
        ASSERT_TRUE(subnet.has(subnet.address));
    }
}

TEST(Subnet, IsReadFromText) {
    EXPECT_EQ(parse_subnet("10.0.0.1")->bits, 128U);
    EXPECT_EQ(parse_subnet("10.0.0.1")->address, address("10.0.0.1"));
    EXPECT_EQ(parse_subnet("10.0.0.0/8")->bits, 104U);
    EXPECT_EQ(parse_subnet("0.0.0.0/0")->bits, 96U);
    EXPECT_EQ(parse_subnet("2001:db8::/32")->bits, 32U);
    EXPECT_EQ(parse_subnet("::/0")->bits, 0U);
    for (const char* bad : {"", "/", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                            "10.0.0.0/8x", "10.0.0.0/99999999999", "::/129", "host", " 10.0.0.1"}) {
        const auto subnet = parse_subnet(bad);
        ASSERT_FALSE(subnet.has_value()) << bad;
        EXPECT_EQ(subnet.error().code, Errc::Invalid);
    }
}

bool is_attack(const std::vector<std::string>& texts, const FlowEnds& ends) {
    const auto labels = Labels::parse(texts);
    EXPECT_TRUE(labels.has_value()) << texts[0];
    return labels && labels->is_attack(ends).value_or(false);
}

TEST(Labels, AreOfFlowsBetweenAttackersAndVictims) {
    const FlowEnds there = flow("10.0.0.1", "192.168.1.1");
    const FlowEnds back = flow("192.168.1.1", "10.0.0.1");
    for (const FlowEnds& ends : {there, back}) {
        EXPECT_TRUE(is_attack({"attacker=10.0.0.1"}, ends));
        EXPECT_TRUE(is_attack({"victim=192.168.0.0/16"}, ends));
        EXPECT_TRUE(is_attack({"attacker=10.0.0.1,victim=192.168.1.1"}, ends));
        EXPECT_TRUE(is_attack({"victim=192.168.1.1", "attacker=1.1.1.1,10.0.0.0/8"}, ends));
        EXPECT_FALSE(is_attack({"attacker=10.0.0.1,victim=10.0.0.1"}, ends)) << "both are one end";
        EXPECT_FALSE(is_attack({"attacker=10.0.0.2"}, ends));
        EXPECT_TRUE(is_attack({"attack"}, ends));
        EXPECT_FALSE(is_attack({"benign"}, ends));
    }
    EXPECT_FALSE(is_attack({"attacker=10.0.0.0/8"}, flow("a00::1", "a00::2")))
        << "an IPv4 prefix has no IPv6 addresses";
}

TEST(Labels, RefuseWhatContradictsItself) {
    for (const std::vector<std::string>& bad : {std::vector<std::string>{},
                                                {"attack", "benign"},
                                                {"attack", "attacker=1.1.1.1"},
                                                {""},
                                                {"attacker"},
                                                {"attacker=1.1.1.1,"},
                                                {"10.0.0.1"},
                                                {"source=10.0.0.1"}}) {
        const auto labels = Labels::parse(bad);
        ASSERT_FALSE(labels.has_value()) << (bad.empty() ? "none" : bad[0]);
        EXPECT_EQ(labels.error().code, Errc::Invalid);
    }
}

TEST(DataSet, HasLucidsFlowsAlone) {
    for (unsigned protocol = 1; protocol < 256; ++protocol)
        EXPECT_EQ(is_lucids(flow("10.0.0.1", "10.0.0.2", static_cast<std::uint8_t>(protocol))),
                  protocol == 1 || protocol == 6 || protocol == 17)
            << protocol;
    EXPECT_FALSE(is_lucids(flow("2001:db8::1", "2001:db8::2", 6)));
    EXPECT_FALSE(is_lucids(flow("::", "::", 17)));
}

}  // namespace
}  // namespace weir::model

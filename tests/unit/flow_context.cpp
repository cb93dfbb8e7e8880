// SPDX-License-Identifier: Apache-2.0
// What a flow's ends do in a window: counted again for each flow by looking at all others.
#include "model/flow_context.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cmath>
#include <random>
#include <string>

#include "support/model_input.h"

namespace weir::model {
namespace {

using namespace std::chrono_literals;
using test::converted;
using test::ddos_shape;
using test::DdosRow;
using test::own_profile;
using test::Rows;

constexpr std::uint32_t kUnknown = 0, kServerIsSource = 1;
constexpr std::uint16_t kSyn = 2, kReset = 4, kSynAck = 0x12;

float number(const FlowContext& context, ContextNumber which) {
    return context.numbers[static_cast<std::size_t>(which)];
}

void set_address(std::array<std::uint8_t, 16>& to, unsigned host) {
    const std::string text =
        "::ffff:10.0." + std::to_string(host / 256) + "." + std::to_string(host % 256);
    ASSERT_EQ(inet_pton(AF_INET6, text.c_str(), to.data()), 1);
}

/// A flow whose packets go there and back as `directions` says: 0 from its key's source.
DdosRow row_of(unsigned source, unsigned destination, std::uint8_t protocol,
               const std::vector<std::uint8_t>& directions) {
    DdosRow row{};
    set_address(row.head.key.source, source);
    set_address(row.head.key.destination, destination);
    row.head.key.protocol = protocol;
    row.head.packets = static_cast<std::uint32_t>(directions.size());
    for (std::size_t j = 0; j < directions.size(); ++j) {
        (directions[j] != 0 ? row.head.backward_bytes : row.head.forward_bytes) += 100;
        if (j < row.packet.size()) row.packet[j].is_backward = directions[j];
    }
    return row;
}

std::vector<FlowContext> contexts_of(const Rows<DdosRow>& rows, std::chrono::nanoseconds window) {
    const auto contexts = FlowContexts::fit(rows.layout(), *rows.layout().row_type, window);
    EXPECT_TRUE(contexts.has_value()) << (contexts ? "" : contexts.error().message);
    return contexts ? contexts->of(rows.table()) : std::vector<FlowContext>();
}

/// The plain way: every flow looks at every other.
struct Plain {
    double flows = 0, packets = 0, unanswered = 0, lone = 0;
    void add(const DdosRow& row) {
        flows += 1;
        packets += row.head.packets;
        unanswered += row.head.backward_bytes == 0 ? 1 : 0;
        std::size_t forward = 0;
        for (std::size_t j = 0; j < std::min<std::size_t>(row.head.packets, 10); ++j)
            forward += row.packet[j].is_backward == 0 ? 1 : 0;
        lone += forward <= 1 ? 1 : 0;
    }
};

TEST(FlowContext, CountsWhatAllOthersDo) {
    std::mt19937 random(11);  // NOLINT(*-msc51-cpp): the same flows every time
    const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    std::vector<DdosRow> rows;
    for (int i = 0; i < 700; ++i) {
        std::vector<std::uint8_t> directions(1 + below(14));
        for (std::size_t j = 1; j < directions.size(); ++j) directions[j] = below(4) == 0 ? 1 : 0;
        const std::uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE};
        rows.push_back(row_of(below(12), 20 + below(5), protocols[below(4)], directions));
        rows.back().head.key.destination_port = static_cast<std::uint16_t>(below(3));
    }
    const Rows<DdosRow> table(rows, ddos_shape());
    const auto contexts = contexts_of(table, 4s);
    ASSERT_EQ(contexts.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Plain pair, source, destination, service;
        for (const DdosRow& other : rows) {
            if (other.head.key.protocol != rows[i].head.key.protocol) continue;
            const bool same_source = other.head.key.source == rows[i].head.key.source;
            const bool same_destination =
                other.head.key.destination == rows[i].head.key.destination;
            const bool same_port =
                other.head.key.destination_port == rows[i].head.key.destination_port;
            if (same_destination && same_port) service.add(other);
            if (same_source) source.add(other);
            if (same_destination) destination.add(other);
            if (same_source && same_destination) pair.add(other);
        }
        const FlowContext& c = contexts[i];
        const auto expect = [&](ContextNumber which, double value) {
            EXPECT_NEAR(number(c, which), value, 1e-4)
                << kContextNames[static_cast<std::size_t>(which)] << " of flow " << i;
        };
        const std::uint8_t protocol = rows[i].head.key.protocol;
        expect(ContextNumber::FlowPackets, rows[i].head.packets / 4.0);
        expect(ContextNumber::ForwardBytes, static_cast<double>(rows[i].head.forward_bytes) / 4);
        expect(ContextNumber::BackwardBytes, static_cast<double>(rows[i].head.backward_bytes) / 4);
        expect(ContextNumber::Tcp, protocol == IPPROTO_TCP);
        expect(ContextNumber::Udp, protocol == IPPROTO_UDP);
        expect(ContextNumber::Icmp, protocol == IPPROTO_ICMP);
        expect(ContextNumber::PairFlows, pair.flows / 4);
        expect(ContextNumber::SourceFlows, source.flows / 4);
        expect(ContextNumber::SourceUnanswered, source.unanswered / source.flows);
        expect(ContextNumber::SourceLone, source.lone / source.flows);
        expect(ContextNumber::ServiceFlows, service.flows / 4);
        expect(ContextNumber::ServiceUnanswered, service.unanswered / service.flows);
        expect(ContextNumber::ServiceLone, service.lone / service.flows);
        expect(ContextNumber::DestinationFlows, destination.flows / 4);
        expect(ContextNumber::DestinationPackets, destination.packets / 4);
        expect(ContextNumber::DestinationUnanswered, destination.unanswered / destination.flows);
        expect(ContextNumber::DestinationLone, destination.lone / destination.flows);
    }
}

TEST(FlowContext, OfASwappedFlowIsThatOfItsClient) {
    DdosRow row = row_of(1, 2, IPPROTO_TCP, {0, 1, 0});  // the server's packet came first
    row.head.server = kServerIsSource;
    DdosRow other = row_of(2, 1, IPPROTO_TCP, {0, 1});
    other.head.server = kUnknown;
    const Rows<DdosRow> rows({row, other}, ddos_shape());
    const auto contexts = contexts_of(rows, 1s);
    ASSERT_EQ(contexts.size(), 2U);
    EXPECT_TRUE(contexts[0].is_swapped);
    EXPECT_FALSE(contexts[1].is_swapped);
    EXPECT_EQ(number(contexts[0], ContextNumber::PairFlows), 2) << "both are of host 2 to host 1";
    EXPECT_EQ(number(contexts[0], ContextNumber::ForwardBytes), 100) << "what host 2 sent";
    EXPECT_EQ(number(contexts[0], ContextNumber::BackwardBytes), 200);

    const auto directions = converted(
        rows, own_profile(
                  {{.name = "is_backward", .encoding = Encoding::FromDestination, .divisor = 1}}));
    EXPECT_EQ(std::vector<double>(directions.begin(), directions.begin() + 3),
              (std::vector<double>{1, 0, 1}));
    EXPECT_EQ(std::vector<double>(directions.begin() + 10, directions.begin() + 12),
              (std::vector<double>{0, 1}));
}

TEST(Ends, NameWhoSendsUnaskedThoughItCallsItselfTheServer) {
    DdosRow unanswered = row_of(1, 2, IPPROTO_TCP, {0});
    DdosRow refused = row_of(1, 3, IPPROTO_TCP, {0, 1});
    DdosRow answered = row_of(1, 4, IPPROTO_TCP, {0, 1});
    for (DdosRow* row : {&unanswered, &refused, &answered}) {
        row->head.server = kServerIsSource;
        row->packet[0].tcp_flags = kSynAck;
    }
    refused.packet[1].tcp_flags = kReset;
    answered.packet[1].tcp_flags = 0x10;
    const Rows<DdosRow> rows({unanswered, refused, answered}, ddos_shape());
    const auto contexts = contexts_of(rows, 1s);
    ASSERT_EQ(contexts.size(), 3U);
    EXPECT_FALSE(contexts[0].is_swapped) << "a flood of SYN-ACK that nobody answers";
    EXPECT_FALSE(contexts[1].is_swapped) << "one whose victim answers with resets";
    EXPECT_TRUE(contexts[2].is_swapped) << "a window that begins within a handshake";

    DdosRow resets = row_of(1, 2, IPPROTO_TCP, {0, 1, 0, 1});  // a flood of host 2 to host 1
    resets.packet[0].tcp_flags = resets.packet[2].tcp_flags = kReset;
    DdosRow flood = row_of(1, 2, IPPROTO_TCP, {0});
    flood.packet[0].tcp_flags = kReset;
    const auto others = contexts_of(Rows<DdosRow>({resets, flood}, ddos_shape()), 1s);
    ASSERT_EQ(others.size(), 2U);
    EXPECT_TRUE(others[0].is_swapped) << "whose window begins with the victim's reset";
    EXPECT_FALSE(others[1].is_swapped) << "a flood of resets";
}

TEST(FlowContext, IsANumberOfEachRecordedPacket) {
    const Rows<DdosRow> rows({row_of(1, 2, IPPROTO_UDP, {0, 0, 1}), row_of(3, 2, IPPROTO_UDP, {0})},
                             ddos_shape());
    const auto x =
        converted(rows,
                  own_profile({{.name = "destination.flows", .divisor = 4, .is_log = true},
                               {.name = "flow.udp", .divisor = 1}}),
                  1s);
    const double logarithm = std::log2(1 + 2.0) / 4;
    for (std::size_t flow = 0; flow < 2; ++flow)
        for (std::size_t j = 0; j < 10; ++j) {
            const bool is_there = j < rows.rows()[flow].head.packets;
            EXPECT_NEAR(x[(flow * 10 + j) * 2], is_there ? logarithm : 0, 1e-6)
                << flow << ", " << j;
            EXPECT_EQ(x[(flow * 10 + j) * 2 + 1], is_there ? 1 : 0);
        }
}

TEST(Logarithm, IsTakenBeforeTheDivisor) {
    DdosRow row = row_of(1, 2, IPPROTO_TCP, {0, 0});
    row.packet[0].tcp_length = 1023;
    row.packet[0].time = 5'000'000'000;
    row.packet[1].time = 5'007'000'000;
    row.packet[0].tcp_flags = kSyn;
    const Rows<DdosRow> rows({row}, ddos_shape());
    const auto profile = own_profile({{.name = "tcp_length", .divisor = 16, .is_log = true},
                                      {.name = "time",
                                       .encoding = Encoding::SinceFirst,
                                       .factor = 1000,
                                       .divisor = 3,
                                       .is_log = true}});
    const auto x = converted(rows, profile);
    EXPECT_NEAR(x[0], 10.0 / 16, 1e-6);
    EXPECT_EQ(x[1], 0);
    EXPECT_EQ(x[2], 0);
    EXPECT_NEAR(x[3], 1, 1e-6) << "log2(1 + 7 ms) / 3";
    const auto raw = converted(rows, profile, 10s, Scale::Raw);
    EXPECT_NEAR(raw[0], 10, 1e-6) << "not divided";
}

TEST(FlowContext, WantsAFlowTensorWithDirections) {
    const Rows<DdosRow> rows({}, ddos_shape({"is_backward"}));
    const auto input =
        Input::fit(rows.layout(), own_profile({{.name = "pair.flows", .divisor = 1}}),
                   {.packets = 10, .features = 1}, 10s);
    ASSERT_FALSE(input.has_value());
    EXPECT_EQ(input.error().code, Errc::Rejected);
    EXPECT_NE(input.error().message.find("is_backward"), std::string::npos)
        << input.error().message;
}

TEST(FlowContext, OfNoFlowsIsEmpty) {
    const Rows<DdosRow> rows({}, ddos_shape());
    EXPECT_TRUE(contexts_of(rows, 1s).empty());
}

}  // namespace
}  // namespace weir::model

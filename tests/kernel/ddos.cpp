// SPDX-License-Identifier: Apache-2.0
// The ddos probe packet by packet: what a flow is, who serves, which numbers are recorded.
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <ctime>

#include "support/flow_probe.h"
#include "support/packets.h"

namespace weir::test {
namespace {

enum Server : std::uint32_t { Unknown, Source, Destination };  // enum weir_server
enum Tcp : std::uint16_t { Fin = 1, Syn = 2, Rst = 4, Ack = 16 };

/// The flows of one window of these packets; the clock is a packet's number.
Flows flows_after(FlowProbe& probe, const std::vector<Bytes>& frames) {
    std::int64_t number = 0;
    for (const Bytes& frame : frames) {
        probe.set_clock(++number);
        EXPECT_EQ(probe.run(frame), XDP_PASS);
    }
    const Window& window = probe.close();
    expect_balance(window, frames.size());
    Flows flows = flows_of(window);
    probe.clear();
    return flows;
}

Flows flows_after(const std::vector<Bytes>& frames, const FlowProbeOptions& options = {}) {
    const auto probe = load_flow_probe(options);
    return probe != nullptr ? flows_after(*probe, frames) : Flows{};
}

Bytes reply_of(const Bytes& payload) {
    return eth(kIpv4,
               ipv4({.source = "10.0.0.2", .destination = "10.0.0.1", .protocol = 6}, payload));
}

Bytes tcp4(const TcpFields& fields, const Bytes& payload = {}) {
    return eth(kIpv4, ipv4({.protocol = 6}, tcp(fields, payload)));
}

// ---- a flow ----

TEST(Ddos, HasBothDirectionsInOneFlowWithTheKeyOfItsFirstPacket) {
    const Bytes there = tcp4({.flags = Ack, .ack = 5, .window = 6}, "1234");
    const Bytes back = reply_of(tcp({.source = 80, .destination = 40000, .flags = Ack}, "12"));
    const auto probe = load_flow_probe();
    ASSERT_NE(probe, nullptr);
    for (const bool starts_there : {true, false}) {
        const Flows flows = flows_after(*probe, starts_there ? std::vector{there, back, there}
                                                             : std::vector{back, there, back});
        ASSERT_EQ(flows.size(), 1U);
        const FlowHead& head = flows[0].head;
        EXPECT_EQ(head.key.text(), starts_there ? "10.0.0.1:40000 > 10.0.0.2:80 6"
                                                : "10.0.0.2:80 > 10.0.0.1:40000 6");
        EXPECT_EQ(head.packets, 3U);
        EXPECT_EQ(head.forward_bytes, starts_there ? 2 * 44U : 2 * 42U);
        EXPECT_EQ(head.backward_bytes, starts_there ? 42U : 44U);
        EXPECT_EQ(head.server, starts_there ? Destination : Source) << "by the port";
        ASSERT_EQ(flows[0].packets.size(), 3U);
        for (std::size_t j = 0; j < 3; ++j) {
            EXPECT_EQ(flows[0].packets[j].time, j + 1);
            EXPECT_EQ(flows[0].packets[j].is_backward, j == 1 ? 1 : 0);
        }
    }
}

TEST(Ddos, HasBothDirectionsInOneFlowAlsoOfIpv6) {
    const Flows flows =
        flows_after({eth(kIpv6, ipv6({}, udp({.source = 5, .destination = 6}))),
                     eth(kIpv6, ipv6({.source = "2001:db8::2", .destination = "2001:db8::1"},
                                     udp({.source = 6, .destination = 5}, "abc"))),
                     eth(kIpv6, ipv6({.source = "2001:db8::2", .destination = "2001:db8::1"},
                                     udp({.source = 5, .destination = 6})))});
    ASSERT_EQ(flows.size(), 2U) << "the third has the ports the other way round";
    const Flow& flow = flows[0].head.packets == 2 ? flows[0] : flows[1];
    EXPECT_EQ(flow.head.key.text(), "2001:db8::1:5 > 2001:db8::2:6 17");
    EXPECT_EQ(flow.head.forward_bytes, 48U);
    EXPECT_EQ(flow.head.backward_bytes, 51U);
}

TEST(Ddos, TellsFlowsApartByEveryPartOfTheKey) {
    const auto udp4 = [](const std::string& from, const std::string& to, std::uint16_t source,
                         std::uint16_t destination) {
        return eth(kIpv4, ipv4({.source = from, .destination = to},
                               udp({.source = source, .destination = destination})));
    };
    const Flows flows = flows_after(
        {udp4("10.0.0.1", "10.0.0.2", 1000, 2000), udp4("10.0.0.3", "10.0.0.2", 1000, 2000),
         udp4("10.0.0.1", "10.0.0.3", 1000, 2000), udp4("10.0.0.1", "10.0.0.2", 1001, 2000),
         udp4("10.0.0.1", "10.0.0.2", 1000, 2001), udp4("10.0.0.1", "10.0.0.2", 2000, 1000),
         tcp4({.source = 1000, .destination = 2000}),
         eth(kIpv6, ipv6({.source = "::ffff:10.0.0.1", .destination = "::ffff:10.0.0.2"},
                         udp({.source = 1000, .destination = 2000})))});
    EXPECT_EQ(flows.size(), 8U);
    for (const Flow& flow : flows) EXPECT_EQ(flow.head.packets, 1U) << flow.head.key.text();
}

TEST(Ddos, KnowsTheDirectionOfAFlowOfOneHostWithItself) {
    const auto self = [](std::uint16_t source, std::uint16_t destination) {
        return eth(kIpv4, ipv4({.source = "10.0.0.1", .destination = "10.0.0.1"},
                               udp({.source = source, .destination = destination})));
    };
    const Flows flows = flows_after({self(9, 8), self(8, 9), self(7, 7), self(7, 7)});
    ASSERT_EQ(flows.size(), 2U);
    const Flow& two = flows[0].head.backward_bytes != 0 ? flows[0] : flows[1];
    const Flow& one = flows[0].head.backward_bytes != 0 ? flows[1] : flows[0];
    EXPECT_EQ(two.head.key.text(), "10.0.0.1:9 > 10.0.0.1:8 17");
    EXPECT_EQ(two.packets[1].is_backward, 1);
    EXPECT_EQ(one.head.forward_bytes, 56U) << "both ends are one: always forward";
}

// ---- who serves ----

struct ServerCase {
    const char* name;
    std::vector<Bytes> frames;
    std::uint32_t server;  // in the direction of the first frame
};
void PrintTo(const ServerCase& test, std::ostream* out) { *out << test.name; }

Bytes echo4(std::uint8_t type) { return eth(kIpv4, ipv4({.protocol = 1}, icmp(type))); }
Bytes echo6(std::uint8_t type) { return eth(kIpv6, ipv6({.next = 58}, icmp(type))); }
Bytes ports(std::uint16_t source, std::uint16_t destination) {
    return eth(kIpv4, ipv4({}, udp({.source = source, .destination = destination})));
}

std::vector<ServerCase> server_cases() {
    const TcpFields high{.source = 40000, .destination = 50000};
    const auto flagged = [&](std::uint16_t flags) {
        TcpFields fields = high;
        fields.flags = flags;
        return tcp4(fields);
    };
    const auto replied = [&](std::uint16_t flags) {
        return reply_of(tcp({.source = 50000, .destination = 40000, .flags = flags}));
    };
    return {{"Syn", {flagged(Syn)}, Destination},
            {"SynWithEcn", {flagged(Syn | 0xc0)}, Destination},
            {"SynAck", {flagged(Syn | Ack)}, Source},
            {"SynThenSynAck", {flagged(Syn), replied(Syn | Ack)}, Destination},
            {"SynAckThenSyn", {replied(Syn | Ack), flagged(Syn)}, Source},
            {"AckThenSynAckBack", {flagged(Ack), replied(Syn | Ack)}, Destination},
            {"OnlyAcks", {flagged(Ack), replied(Ack)}, Unknown},
            {"SynToAHighPortFromAWellKnownOne",
             {tcp4({.source = 22, .destination = 50000, .flags = Syn})},
             Destination},
            {"PortThenSynTheOtherWay",
             {tcp4({.source = 40000, .destination = 80, .flags = Ack}),
              reply_of(tcp({.source = 80, .destination = 40000, .flags = Syn}))},
             Source},
            {"WellKnownDestination", {ports(40000, 1023)}, Destination},
            {"WellKnownSource", {ports(1023, 40000)}, Source},
            {"PortOneTooHigh", {ports(40000, 1024)}, Unknown},
            {"TheLowerOfTwoWellKnown", {ports(500, 53)}, Destination},
            {"TwoEqualPorts", {ports(123, 123)}, Unknown},
            {"EchoRequest", {echo4(8)}, Destination},
            {"EchoReply", {echo4(0)}, Source},
            {"EchoRequest6", {echo6(128)}, Destination},
            {"EchoReply6", {echo6(129)}, Source},
            {"Unreachable", {echo4(3)}, Unknown},
            {"ReservedType6", {echo6(0)}, Unknown},
            {"NoTransport", {eth(kIpv4, ipv4({.protocol = 47}, Bytes(8, 'x')))}, Unknown}};
}

class ServerOf : public ::testing::TestWithParam<ServerCase> {};

TEST_P(ServerOf, IsSaidByHandshakeElseByPort) {
    const Flows flows = flows_after(GetParam().frames);
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].head.server, GetParam().server);
}

INSTANTIATE_TEST_SUITE_P(Ddos, ServerOf, ::testing::ValuesIn(server_cases()),
                         [](const auto& test) { return test.param.name; });

// ---- through the headers ----

struct HeaderCase {
    const char* name;
    Bytes frame;
    std::string key;  // empty: the packet is ignored
    std::uint16_t ip_length = 0, udp_length = 0;
    std::uint8_t icmp_type = 0;
    std::uint16_t ip_fragment = 0;
    bool is_raw_ip = false;
};
void PrintTo(const HeaderCase& test, std::ostream* out) { *out << test.name; }

const std::string kUdp4 = "10.0.0.1:40000 > 10.0.0.2:53 17";
const std::string kUdp6 = "2001:db8::1:40000 > 2001:db8::2:53 17";

Bytes hop_by_hop(unsigned count, std::uint8_t next, Bytes payload) {
    for (unsigned i = 0; i < count; ++i)
        payload = extension(i == 0 ? next : 0, static_cast<std::uint8_t>(i % 3), payload);
    return payload;
}

std::vector<HeaderCase> link_cases() {
    const Bytes v4 = ipv4({}, udp({}, "0123456789"));
    const Bytes v6 = ipv6({}, udp({}, "0123456789"));
    return {{"Ipv4", eth(kIpv4, v4), kUdp4, 38, 18},
            {"Ipv6", eth(kIpv6, v6), kUdp6, 58, 18},
            {"Vlan", eth(kVlan, vlan(kIpv4, v4)), kUdp4, 38, 18},
            {"ServiceVlan", eth(kQinq, vlan(kIpv6, v6)), kUdp6, 58, 18},
            {"QinQ", eth(kQinq, vlan(kVlan, vlan(kIpv6, v6))), kUdp6, 58, 18},
            {"ThreeVlans", eth(kVlan, vlan(kVlan, vlan(kVlan, vlan(kIpv4, v4)))), ""},
            {"Mpls", eth(kMpls, mpls(1, v4)), kUdp4, 38, 18},
            {"MplsMulticast", eth(kMplsMulticast, mpls(2, v6)), kUdp6, 58, 18},
            {"FourLabels", eth(kMpls, mpls(4, v6)), kUdp6, 58, 18},
            {"FiveLabels", eth(kMpls, mpls(5, v4)), ""},
            {"MplsInVlan", eth(kVlan, vlan(kMpls, mpls(2, v4))), kUdp4, 38, 18},
            {"MplsInQinQ", eth(kQinq, vlan(kVlan, vlan(kMpls, mpls(4, v6)))), kUdp6, 58, 18},
            {"MplsWithoutIp", eth(kMpls, mpls(1, Bytes(40, '\0'))), ""},
            {"Arp", eth(kArp, Bytes(28, '\1')), ""},
            {"EthernetAlone", eth(kIpv4, ""), ""},
            {"Ieee8023Length", eth(38, v4), ""},
            {"WrongVersion", eth(kIpv4, v6), ""},
            {"WrongVersion6", eth(kIpv6, v4), ""},
            {"Raw4", v4, kUdp4, 38, 18, 0, 0, true},
            {"Raw6", v6, kUdp6, 58, 18, 0, 0, true},
            {"RawOfNoVersion", Bytes(40, '\x10'), "", 0, 0, 0, 0, true},
            {"EthernetWhereIpIsExpected", eth(kIpv4, v4), "", 0, 0, 0, 0, true}};
}

std::vector<HeaderCase> ip_cases() {
    const Bytes u = udp({}, "0123456789");
    const Bytes options(12, '\1');
    const auto later6 = [&](std::uint16_t offset) {
        return eth(kIpv6, ipv6({.next = 44}, fragment_header(17, offset, true, u)));
    };
    const std::string later4 = "10.0.0.1:0 > 10.0.0.2:0 44";
    const std::string bare6 = "2001:db8::1:0 > 2001:db8::2:0 ";
    return {
        {"Options", eth(kIpv4, ipv4({.options = options}, u)), kUdp4, 50, 18},
        {"AllOptions", eth(kIpv4, ipv4({.options = Bytes(40, '\1')}, u)), kUdp4, 78, 18},
        {"DontFragment", eth(kIpv4, ipv4({.fragment = 0x4000}, u)), kUdp4, 38, 18, 0, 0x4000},
        {"FirstFragment", eth(kIpv4, ipv4({.fragment = 0x2000}, u)), kUdp4, 38, 18, 0, 0x2000},
        {"LaterFragment", eth(kIpv4, ipv4({.fragment = 0x2001}, u)), later4, 38, 0, 0, 0x2001},
        {"LastFragment", eth(kIpv4, ipv4({.fragment = 0x1fff}, u)), later4, 38, 0, 0, 0x1fff},
        {"Fragment6", later6(0), kUdp6, 66, 18},
        {"LaterFragment6", later6(8), bare6 + "44", 66},
        {"HopByHop", eth(kIpv6, ipv6({.next = 0}, extension(17, 1, u))), kUdp6, 74, 18},
        {"Routing", eth(kIpv6, ipv6({.next = 43}, extension(17, 2, u))), kUdp6, 82, 18},
        {"DestinationOptions", eth(kIpv6, ipv6({.next = 60}, extension(17, 0, u))), kUdp6, 66, 18},
        {"Mobility", eth(kIpv6, ipv6({.next = 135}, extension(17, 0, u))), kUdp6, 66, 18},
        {"Authentication", eth(kIpv6, ipv6({.next = 51}, authentication(17, 6, u))), kUdp6, 82, 18},
        {"AuthenticationOfOddWords", eth(kIpv6, ipv6({.next = 51}, authentication(17, 5, u))),
         kUdp6, 78, 18},
        {"SixExtensions", eth(kIpv6, ipv6({.next = 0}, hop_by_hop(6, 17, u))), kUdp6, 154, 18},
        {"SevenExtensions", eth(kIpv6, ipv6({.next = 0}, hop_by_hop(7, 17, u))), bare6 + "17", 162},
        {"NoNextHeader", eth(kIpv6, ipv6({.next = 59}, u)), bare6 + "59", 58},
        {"Esp", eth(kIpv6, ipv6({.next = 50}, u)), bare6 + "50", 58},
        {"Icmp", eth(kIpv4, ipv4({.protocol = 1}, icmp(3))), "10.0.0.1:0 > 10.0.0.2:0 1", 28, 0, 3},
        {"Icmpv6", eth(kIpv6, ipv6({.next = 58}, icmp(135))), bare6 + "58", 48, 0, 135},
        {"Gre", eth(kIpv4, ipv4({.protocol = 47}, u)), "10.0.0.1:0 > 10.0.0.2:0 47", 38},
        {"CutUdp", eth(kIpv4, ipv4({}, u.substr(0, 7))), "10.0.0.1:0 > 10.0.0.2:0 17", 27}};
}

class Headers : public ::testing::TestWithParam<HeaderCase> {};

TEST_P(Headers, LeadToTheFlow) {
    const HeaderCase& test = GetParam();
    const auto probe = load_flow_probe({.is_raw_ip = test.is_raw_ip});
    ASSERT_NE(probe, nullptr);
    const Flows flows = flows_after(*probe, {test.frame});
    if (test.key.empty()) {
        EXPECT_TRUE(flows.empty()) << flows[0].head.key.text();
        return;
    }
    ASSERT_EQ(flows.size(), 1U);
    EXPECT_EQ(flows[0].head.key.text(), test.key);
    EXPECT_EQ(flows[0].head.forward_bytes, test.ip_length);
    const DdosPacket& packet = flows[0].packets[0];
    EXPECT_EQ(packet.ip_length, test.ip_length);
    EXPECT_EQ(packet.ip_fragment, test.ip_fragment);
    EXPECT_EQ(packet.udp_length, test.udp_length);
    EXPECT_EQ(packet.icmp_type, test.icmp_type);
    EXPECT_EQ(packet.tcp_flags | packet.tcp_window | packet.tcp_length, 0);
}

const auto kCaseName = [](const auto& test) { return test.param.name; };
INSTANTIATE_TEST_SUITE_P(DdosLink, Headers, ::testing::ValuesIn(link_cases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(DdosIp, Headers, ::testing::ValuesIn(ip_cases()), kCaseName);

TEST(Ddos, RecordsTheNumbersOfTcp) {
    const Flows flows = flows_after({tcp4({.flags = 0xfff,
                                           .sequence = 0x89abcdef,
                                           .ack = 0xfedcba98,
                                           .window = 0xabcd,
                                           .options = Bytes(8, '\1')},
                                          "payload")});
    ASSERT_EQ(flows.size(), 1U);
    const DdosPacket& packet = flows[0].packets[0];
    EXPECT_EQ(packet.tcp_ack, 0xfedcba98U);
    EXPECT_EQ(packet.tcp_sequence, 0x89abcdefU);
    EXPECT_EQ(packet.tcp_flags, 0xfff);
    EXPECT_EQ(packet.tcp_window, 0xabcd);
    EXPECT_EQ(packet.tcp_length, 7);
    EXPECT_EQ(packet.ip_length, 55);
    EXPECT_EQ(packet.udp_length, 0);
}

TEST(Ddos, SaysNoPayloadWhereTheLengthsLie) {
    const Bytes segment = tcp({.flags = Ack}, "payload");
    const Flows flows = flows_after({
        eth(kIpv4, ipv4({.protocol = 6, .total_length = 0}, segment)),
        eth(kIpv4, ipv4({.source = "10.0.0.3", .protocol = 6, .total_length = 39}, segment)),
        eth(kIpv6, ipv6({.next = 6, .payload_length = 0}, segment)),
        eth(kIpv6, ipv6({.source = "2001:db8::3", .next = 0, .payload_length = 4},
                        extension(6, 0, segment))),
    });
    ASSERT_EQ(flows.size(), 4U);
    for (const Flow& flow : flows) {
        EXPECT_EQ(flow.packets[0].tcp_length, 0) << flow.head.key.text();
        EXPECT_EQ(flow.packets[0].application, 0) << flow.head.key.text();
    }
}

// ---- parameters ----

TEST(Ddos, PassesEveryPacketUnlessItIsToldToDrop) {
    const std::vector<Bytes> frames = {ports(1, 2), eth(kArp, Bytes(28, '\1'))};
    for (const auto& [setting, verdict] :
         {std::pair{"2", XDP_PASS}, std::pair{"1", XDP_DROP}, std::pair{"3", XDP_TX}}) {
        const auto probe =
            load_flow_probe({.settings = {{"verdict", setting}, {"max_flows", "8"}}});
        ASSERT_NE(probe, nullptr);
        for (const Bytes& frame : frames)
            EXPECT_EQ(probe->run(frame), static_cast<std::uint32_t>(verdict)) << setting;
        expect_balance(probe->close(), frames.size());
    }
}

std::uint64_t now(clockid_t clock) {
    timespec time{};
    EXPECT_EQ(::clock_gettime(clock, &time), 0);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

TEST(Ddos, TakesItsTimeFromTheClockThatItIsTold) {
    for (const bool is_coarse : {false, true}) {
        const auto probe =
            load_flow_probe({.settings = {{"coarse_clock", is_coarse ? "true" : "false"},
                                          {"packets_per_flow", "1000"},
                                          {"max_flows", "8"}},
                             .is_replay = false});
        ASSERT_NE(probe, nullptr);
        const clockid_t clock = is_coarse ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC;
        const std::uint64_t before = now(clock);
        for (int i = 0; i < 1000; ++i) probe->run(ports(1, 2));
        const std::uint64_t after = now(clock);
        const Flows flows = flows_of(probe->close());
        ASSERT_EQ(flows.size(), 1U);
        std::size_t distinct = 1;
        for (std::size_t j = 0; j < 1000; ++j) {
            const std::uint64_t time = flows[0].packets[j].time;
            EXPECT_GE(time, before);
            EXPECT_LE(time, after);
            distinct += j != 0 && time != flows[0].packets[j - 1].time ? 1 : 0;
        }
        // 1,000 packets take a millisecond or two, and a tick is one at least.
        if (is_coarse)
            EXPECT_LT(distinct, 900U);
        else
            EXPECT_EQ(distinct, 1000U);
    }
}

}  // namespace
}  // namespace weir::test

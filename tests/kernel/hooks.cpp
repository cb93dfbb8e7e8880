// SPDX-License-Identifier: Apache-2.0
// The same probes on xdp and on tc, run by BPF_PROG_TEST_RUN: they must see the same packets.
#include <gtest/gtest.h>
#include <linux/pkt_cls.h>

#include <array>
#include <cstring>

#include "support/flow_probe.h"
#include "support/hooked_chain.h"
#include "support/live_traffic.h"

namespace weir::test {
namespace {

class Hooks : public HooksTest {};

Bytes udp4() { return ipv4({}, udp({}, "12345")); }
Bytes tcp6() { return ipv6({.next = 6}, tcp({.flags = 2})); }

std::vector<Bytes> ordinary_frames() {
    return {eth(kIpv4, udp4()),
            eth(kIpv4, ipv4({.protocol = 6}, tcp({}, Bytes(1400, 'x')))),
            eth(kIpv6, tcp6()),
            eth(kArp, Bytes(28, '\0')),
            eth(kVlan, tagged(0x2007, kIpv4, udp4())),
            eth(kQinq, tagged(1, kVlan, tagged(2, kIpv6, tcp6()))),
            eth(kMpls, mpls(2, udp4())),
            eth(kIpv4, ipv4({.protocol = 6}, Bytes(4, 'x'))),  // cut off
            eth(kIpv6, ipv6({.next = 60}, extension(17, 2, udp({}))))};
}

std::uint64_t bytes_of(const std::vector<Bytes>& frames) {
    std::uint64_t bytes = 0;
    for (const Bytes& frame : frames) bytes += frame.size();
    return bytes;
}

/// What the probe sees of the frames on this hook.
std::vector<std::uint64_t> seen_on(Hook hook, const std::string& probe,
                                   const std::vector<Bytes>& frames) {
    HookedChain chain(hook);
    chain.append(probe);
    if (::testing::Test::HasFatalFailure()) return {};
    for (const Bytes& frame : frames)
        EXPECT_EQ(chain.run(frame), hook == Hook::Xdp ? XDP_PASS : TC_ACT_UNSPEC);
    return chain.seen();
}

TEST_F(Hooks, ShowANativeProbeTheSamePackets) {
    const auto frames = ordinary_frames();
    const auto on_xdp = seen_on(Hook::Xdp, "native.c", frames);
    ASSERT_EQ(on_xdp.size(), 12U);
    EXPECT_EQ(on_xdp[0], frames.size());
    EXPECT_EQ(on_xdp[1], bytes_of(frames));
    EXPECT_EQ(on_xdp[3], 5U) << "IPv4";
    EXPECT_EQ(on_xdp[4], 3U) << "IPv6";
    EXPECT_EQ(on_xdp[5], 4U) << "UDP";
    EXPECT_EQ(on_xdp[6], 3U) << "TCP";
    EXPECT_EQ(seen_on(Hook::TcIngress, "native.c", frames), on_xdp);
    EXPECT_EQ(seen_on(Hook::TcEgress, "native.c", frames), on_xdp);
}

TEST_F(Hooks, ShowALibbpfSourceTheSamePackets) {
    const auto frames = ordinary_frames();
    const std::vector<std::uint64_t> expected = {frames.size(), 3, 1};
    for (const Hook hook : kHooks)
        EXPECT_EQ(seen_on(hook, "libbpf.c", frames), expected) << hook_name(hook);
}

TEST_F(Hooks, ShowABccSourceTheSamePacketsAndWhereItRuns) {
    const auto frames = ordinary_frames();
    for (const Hook hook : kHooks) {
        const std::vector<std::uint64_t> expected = {frames.size(),
                                                     3,
                                                     1,
                                                     bytes_of(frames),
                                                     hook == Hook::Xdp ? 1U : 0U,
                                                     hook != Hook::TcEgress ? 1U : 0U};
        EXPECT_EQ(seen_on(hook, "bcc.c", frames), expected) << hook_name(hook);
    }
}

TEST_F(Hooks, ShowTheTagBesideThePacketAsTheOneInIt) {
    const std::array outermost = {0x6064, 0x6065, 0x6066};
    for (const int tags : {1, 2, 3}) {
        HookedChain tc(Hook::TcIngress);
        ASSERT_NO_FATAL_FAILURE(tc.append_with("push_vlan.c", "tags", tags));
        ASSERT_NO_FATAL_FAILURE(tc.append("native.c"));
        EXPECT_EQ(tc.run(eth(kIpv4, udp4())), TC_ACT_UNSPEC);

        Bytes inside = udp4();
        std::uint16_t type = kIpv4;
        for (int i = 0; i < tags; ++i, type = kVlan)
            inside = tagged(static_cast<std::uint16_t>(outermost.at(static_cast<std::size_t>(i))),
                            type, inside);
        const auto on_xdp = seen_on(Hook::Xdp, "native.c", {eth(kVlan, inside)});
        EXPECT_EQ(tc.seen(1), on_xdp) << tags << " tags";
        ASSERT_EQ(on_xdp.size(), 12U);
        EXPECT_EQ(on_xdp[9], std::min(tags, 2));
        EXPECT_EQ(on_xdp[10], outermost.at(static_cast<std::size_t>(tags) - 1));
        EXPECT_EQ(on_xdp[3], tags < 3 ? 1U : 0U) << "behind three tags no parser looks";
    }
}

struct VerdictCase {
    Hook hook;
    int said;      // WEIR_...: XDP's numbers on every hook
    int expected;  // of the kernel
};

TEST_F(Hooks, HaveEveryVerdictOfANativeProbe) {
    constexpr auto kCases =
        std::to_array<VerdictCase>({{Hook::Xdp, XDP_ABORTED, XDP_ABORTED},
                                    {Hook::Xdp, XDP_DROP, XDP_DROP},
                                    {Hook::Xdp, XDP_PASS, XDP_PASS},
                                    {Hook::Xdp, XDP_TX, XDP_TX},
                                    {Hook::TcIngress, XDP_ABORTED, TC_ACT_SHOT},
                                    {Hook::TcIngress, XDP_DROP, TC_ACT_SHOT},
                                    {Hook::TcIngress, XDP_PASS, TC_ACT_UNSPEC},
                                    {Hook::TcIngress, XDP_TX, TC_ACT_REDIRECT},
                                    {Hook::TcIngress, XDP_REDIRECT, TC_ACT_REDIRECT},
                                    {Hook::TcEgress, XDP_DROP, TC_ACT_SHOT},
                                    {Hook::TcEgress, XDP_PASS, TC_ACT_UNSPEC},
                                    {Hook::TcEgress, XDP_TX, TC_ACT_UNSPEC}});
    for (const VerdictCase& c : kCases) {
        HookedChain chain(c.hook);
        ASSERT_NO_FATAL_FAILURE(chain.append_with("native.c", "verdict", c.said));
        ASSERT_NO_FATAL_FAILURE(chain.append("native.c"));
        EXPECT_EQ(chain.run(eth(kIpv4, udp4())), c.expected) << hook_name(c.hook) << c.said;
        EXPECT_EQ(chain.entered(1), c.said == XDP_PASS ? 1U : 0U) << "every other one is final";
    }
}

TEST_F(Hooks, HaveEveryVerdictOfTc) {
    for (int verdict = TC_ACT_UNSPEC; verdict <= TC_ACT_TRAP; ++verdict) {
        HookedChain chain(Hook::TcIngress);
        ASSERT_NO_FATAL_FAILURE(chain.append_with("libbpf.c", "verdict", verdict));
        ASSERT_NO_FATAL_FAILURE(chain.append("native.c"));
        const bool goes_on = verdict == TC_ACT_UNSPEC || verdict == TC_ACT_OK;
        EXPECT_EQ(chain.run(eth(kIpv4, udp4())), goes_on ? TC_ACT_UNSPEC : verdict);
        EXPECT_EQ(chain.entered(1), goes_on ? 1U : 0U) << verdict;
    }
}

TEST_F(Hooks, HaveTheVerdictsOfABccSourceByTheirNames) {
    struct Named {
        const char* name;
        int expected;
    };
    constexpr auto kNames = std::to_array<Named>({{"RX_OK", TC_ACT_UNSPEC},
                                                  {"PASS", TC_ACT_UNSPEC},
                                                  {"XDP_PASS", TC_ACT_UNSPEC},
                                                  {"TC_ACT_OK", TC_ACT_UNSPEC},
                                                  {"RX_DROP", TC_ACT_SHOT},
                                                  {"DROP", TC_ACT_SHOT},
                                                  {"XDP_DROP", TC_ACT_SHOT},
                                                  {"XDP_ABORTED", TC_ACT_SHOT},
                                                  {"REDIRECT", TC_ACT_REDIRECT},
                                                  {"BACK_TX", TC_ACT_REDIRECT}});
    for (const Named& verdict : kNames) {
        HookedChain chain(Hook::TcIngress);
        ProbeSpec spec;
        spec.cflags = {std::string("-DVERDICT=") + verdict.name};
        ASSERT_NO_FATAL_FAILURE(chain.append("bcc_verdict.c", spec));
        EXPECT_EQ(chain.run(eth(kIpv4, udp4())), verdict.expected) << verdict.name;
    }
}

TEST_F(Hooks, LetAChainOfThreeOnTcGoOnAndEnd) {
    HookedChain chain(Hook::TcEgress);
    chain.append_with("libbpf.c", "verdict", TC_ACT_OK);
    chain.append_with("libbpf.c", "verdict", TC_ACT_UNSPEC);
    chain.append_with("libbpf.c", "verdict", TC_ACT_SHOT);
    chain.append("native.c");
    ASSERT_EQ(chain.chain().size(), 4U);
    EXPECT_EQ(chain.run(eth(kIpv4, udp4())), TC_ACT_SHOT);
    for (const std::size_t slot : {0U, 1U, 2U}) EXPECT_EQ(chain.entered(slot), 1U) << slot;
    EXPECT_EQ(chain.entered(3), 0U);
}

TEST_F(Hooks, PutAForeignObjectForTcBehindTheStub) {
    HookedChain chain(Hook::TcIngress);
    ASSERT_NO_FATAL_FAILURE(chain.append("native.c"));
    ASSERT_NO_FATAL_FAILURE(chain.append(fixture_path("entry/tc_handler")));
    EXPECT_TRUE(chain.chain().pair(1).ends_chain());
    EXPECT_EQ(chain.run(eth(kIpv4, udp4())), TC_ACT_OK) << "what it says itself";
    EXPECT_EQ(chain.entered(0), 1U);
    EXPECT_EQ(chain.entered(1), 1U);
}

TEST_F(Hooks, TakeObjectsOfOursForTheirKindAlone) {
    const HookedChain tc(Hook::TcEgress);
    EXPECT_TRUE(tc.build(fixture_path("count_sources.tc")));
    const auto on_xdp = HookedChain(Hook::Xdp).build(fixture_path("count_sources.tc"));
    ASSERT_FALSE(on_xdp);
    EXPECT_TRUE(on_xdp.error().message.contains("built with weir's headers for tc"))
        << on_xdp.error().message;
}

TEST_F(Hooks, SayHowManyFramesAPacketStandsFor) {
    HookedChain tc(Hook::TcIngress);
    ASSERT_NO_FATAL_FAILURE(tc.append("native.c"));
    tc.run(eth(kIpv4, ipv4({.protocol = 6}, tcp({}, Bytes(500, 'x')))), {.segments = 5});
    tc.run(eth(kIpv4, udp4()));
    EXPECT_EQ(tc.seen()[0], 2U);
    EXPECT_EQ(tc.seen()[2], 6U);
    EXPECT_EQ(seen_on(Hook::Xdp, "native.c", {eth(kIpv4, udp4())})[2], 1U);
}

TEST_F(Hooks, KnowTheLengthThatIpCannotSay) {
    const Bytes joined =
        eth(kIpv4, ipv4({.protocol = 6, .total_length = 0}, tcp({}, Bytes(500, 'x'))));
    HookedChain tc(Hook::TcIngress);
    ASSERT_NO_FATAL_FAILURE(tc.append("native.c"));
    tc.run(joined, {.segments = 5});
    EXPECT_EQ(tc.seen()[8], joined.size() - 14);
    tc.run(joined);  // an ordinary packet with a lie in it
    EXPECT_EQ(tc.seen()[8], joined.size() - 14);
}

// ---- ddos ----

Flows flows_on(Hook hook, const std::vector<Bytes>& frames) {
    const auto probe = load_flow_probe({.hook = hook});
    if (probe == nullptr) return {};
    std::int64_t number = 0;
    for (const Bytes& frame : frames) {
        probe->set_clock(++number);
        probe->run(frame);
    }
    const Window& window = probe->close();
    expect_balance(window, frames.size());
    Flows flows = flows_of(window);
    probe->clear();
    return flows;
}

TEST_F(Hooks, GiveDdosTheSameTensor) {
    std::vector<Bytes> frames = ordinary_frames();
    for (unsigned i = 0; i < 300; ++i) {
        const auto port = static_cast<std::uint16_t>(1024 + i % 17);
        frames.push_back(eth(
            kIpv4, ipv4({.protocol = 6}, tcp({.source = port,
                                              .flags = static_cast<std::uint16_t>(i < 17 ? 2 : 16),
                                              .sequence = i},
                                             Bytes(i, 'x')))));
        frames.push_back(eth(kIpv6, ipv6({}, udp({.source = port}, Bytes(i % 7, 'y')))));
    }
    const Flows on_xdp = flows_on(Hook::Xdp, frames);
    ASSERT_GT(on_xdp.size(), 30U);
    for (const Hook hook : {Hook::TcIngress, Hook::TcEgress}) {
        const Flows on_tc = flows_on(hook, frames);
        ASSERT_EQ(on_tc.size(), on_xdp.size());
        for (std::size_t i = 0; i < on_xdp.size(); ++i) {
            const Flow &a = on_xdp[i], &b = on_tc[i];
            EXPECT_EQ(a.head.key.text(), b.head.key.text());
            EXPECT_EQ(a.head.packets, b.head.packets) << a.head.key.text();
            EXPECT_EQ(a.head.server, b.head.server) << a.head.key.text();
            EXPECT_EQ(a.head.forward_bytes, b.head.forward_bytes) << a.head.key.text();
            EXPECT_EQ(a.head.backward_bytes, b.head.backward_bytes) << a.head.key.text();
            ASSERT_EQ(a.packets.size(), b.packets.size());
            EXPECT_EQ(std::memcmp(a.packets.data(), b.packets.data(),
                                  a.packets.size() * sizeof(DdosPacket)),
                      0)
                << a.head.key.text();
        }
    }
}

}  // namespace
}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
// Packets that go out of another interface by its name, whichever interface that is at the time.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "probe/redirects.h"
#include "support/live_traffic.h"
#include "support/one_probe.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kEthertype = 0x88b5;  // for experiments: IEEE Std 802
constexpr auto kPatience = 5s;
constexpr auto kMoment = 100ms;

/// A frame that tests/fixtures/redirect.bpf.c sends by its first byte.
std::string frame(char way) {
    std::string bytes(60, '\0');
    bytes[0] = way;
    bytes[12] = static_cast<char>(kEthertype >> 8);
    bytes[13] = static_cast<char>(kEthertype & 0xff);
    return bytes;
}

/// What arrives at an interface, or is sent out of it.
class Wire {
public:
    explicit Wire(const std::string& interface)
        : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(kEthertype))) {
        const auto index = bpf::interface_index(interface);
        EXPECT_TRUE(index.has_value()) << interface;
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(kEthertype);
        address.sll_ifindex = index ? bpf::number(*index) : 0;
        // SAFETY: the kernel's own idiom for addresses.
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
                  0);
    }
    void send(const std::string& bytes, int times) const {
        for (int i = 0; i < times; ++i)
            EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), 0),
                      static_cast<ssize_t>(bytes.size()));
    }
    /// Counts until there are so many, and none for a moment after that.
    [[nodiscard]] int received(int expected) const {
        int count = 0;
        while (true) {
            pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
            const auto wait = count < expected ? std::chrono::milliseconds(kPatience) : kMoment;
            if (::poll(&ready, 1, static_cast<int>(wait.count())) != 1) return count;
            std::array<char, 2048> bytes{};
            sockaddr_ll from{};
            socklen_t length = sizeof(from);
            const ssize_t got = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0,
                                           reinterpret_cast<sockaddr*>(&from), &length);
            count += got > 0 && from.sll_pkttype != PACKET_OUTGOING ? 1 : 0;
        }
    }

private:
    UniqueFd fd_;
};

void add_pair(const std::string& one, const std::string& other) {
    test::run_command("ip link add " + one + " type veth peer name " + other);
    for (const std::string& end : {one, other})
        test::run_command(
            fmt::format("f=/proc/sys/net/ipv6/conf/{0}/disable_ipv6; [ ! -e $f ] || echo 1 > $f; "
                        "ip link set {0} arp off up",
                        end));
}

ProbeSpec fixture() {
    ProbeSpec spec;
    spec.file = test::fixture_file("redirect");
    return spec;
}

std::optional<bpf::IfIndex> index_of(const std::string& name) {
    const auto index = bpf::interface_index(name);
    return index ? std::optional(*index) : std::nullopt;
}

void wait_until_entered(const test::OneProbe& probe, std::uint64_t packets) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (probe.counted(0).entered < packets && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    EXPECT_EQ(probe.counted(0).entered, packets);
}

TEST(Redirect, PacketsArriveAndAnInterfaceThatComesAgainIsFollowed) {
    const test::PrivateNetwork network;
    add_pair("out0", "in0");
    add_pair("fifteen_letters", "in1");
    test::OneProbe probe(fixture());
    auto redirects = Redirects::open(probe.pair());
    ASSERT_TRUE(redirects.has_value()) << redirects.error().message;
    EXPECT_EQ(redirects->names(), (std::vector<std::string>{"fifteen_letters", "never", "out0"}));
    EXPECT_EQ(redirects->missing(), std::vector<std::string>{"never"});
    ASSERT_TRUE(probe.chain().attach(network.receiver(), {}).has_value());
    const Wire sender("vtx");
    const Wire passed(test::PrivateNetwork::kReceiver);
    {
        const Wire first("in0");
        const Wire second("in1");
        sender.send(frame(2), 40);
        sender.send(frame(4), 30);
        sender.send(frame(8), 20);
        sender.send(frame(6), 10);
        EXPECT_EQ(first.received(60), 60);
        EXPECT_EQ(second.received(30), 30);
        EXPECT_EQ(passed.received(10), 10) << "what has no interface passes";
        EXPECT_EQ(probe.counted(0).redirects_lost, 10U);
    }
    const auto old_index = index_of("out0");
    test::run_command("ip link del out0");
    redirects->follow("out0", std::nullopt);
    EXPECT_EQ(redirects->missing(), (std::vector<std::string>{"never", "out0"}));
    sender.send(frame(2), 25);
    EXPECT_EQ(passed.received(25), 25);
    EXPECT_EQ(probe.counted(0).redirects_lost, 35U);

    add_pair("out0", "in0");
    EXPECT_NE(index_of("out0"), old_index);
    redirects->follow("out0", index_of("out0"));
    redirects->follow("of_no_use", index_of("out0"));
    const Wire again("in0");
    sender.send(frame(2), 15);
    sender.send(frame(8), 15);
    EXPECT_EQ(again.received(30), 30);
    wait_until_entered(probe, 155);
    EXPECT_EQ(probe.counted(0).redirects_lost, 35U);
}

TEST(Redirect, BothClonesFollow) {
    const test::PrivateNetwork network;
    add_pair("out0", "in0");
    test::OneProbe probe(fixture());
    auto redirects = Redirects::open(probe.pair());
    ASSERT_TRUE(redirects.has_value());
    for (const unsigned clone : {0U, 1U}) {
        redirects->follow("out0", index_of("out0"));
        EXPECT_EQ(probe.run(frame(2), 10), static_cast<std::uint32_t>(XDP_REDIRECT));
        EXPECT_EQ(probe.counted(clone).redirects_lost, 0U);
        redirects->follow("out0", std::nullopt);
        EXPECT_EQ(probe.run(frame(8), 10), static_cast<std::uint32_t>(XDP_PASS));
        EXPECT_EQ(probe.counted(clone).redirects_lost, 10U);
        EXPECT_EQ(probe.counted(clone).entered, 20U);
        probe.flip();
    }
}

TEST(Redirect, AnInterfaceThatIsNotThereIsANotice) {
    const test::PrivateNetwork network;
    add_pair("out0", "in0");
    const test::OneProbe probe(fixture());
    const auto notices = probe.pair().clone(0).notices();
    ASSERT_EQ(notices.size(), 2U);
    EXPECT_TRUE(std::ranges::any_of(notices, [](const std::string& notice) {
        return notice.starts_with("no interface never:");
    }));
}

TEST(Redirect, InAReplayEveryInterfaceIsThere) {
    const test::OneProbe probe(fixture(), true);
    EXPECT_EQ(probe.run(frame(6), 10), static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_EQ(probe.counted(0).redirects_lost, 0U);
    EXPECT_TRUE(probe.pair().clone(0).notices().empty());
}

TEST(Redirect, ByDechainysName) {
    const test::PrivateNetwork network;
    add_pair("out0", "in0");
    const test::ScratchFolder folder;
    ProbeSpec spec;
    spec.file = {
        .name = "source",
        .path = folder.file("source.c",
                            "static int handler(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
                            "    if (md->length == 60) return REDIRECT(out0);\n"
                            "    if (md->length == 61) return REDIRECT(out1);\n"
                            "    return md->length == 62 ? REDIRECT : PASS;\n}\n")};
    const test::OneProbe probe(spec);
    const auto verdict = [&](std::size_t bytes) { return probe.run(std::string(bytes, '\0')); };
    EXPECT_EQ(verdict(60), static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_EQ(verdict(61), static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(probe.counted(0).redirects_lost, 1U);
    EXPECT_EQ(verdict(62), static_cast<std::uint32_t>(XDP_REDIRECT));
    EXPECT_EQ(verdict(63), static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(probe.counted(0).redirects_lost, 1U);
}

TEST(Redirect, AProbeWithoutHasNoNames) {
    ProbeSpec spec;
    spec.file = test::fixture_file("pass");
    const test::OneProbe probe(spec);
    const auto redirects = Redirects::open(probe.pair());
    ASSERT_TRUE(redirects.has_value());
    EXPECT_TRUE(redirects->names().empty());
}

}  // namespace
}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
// What test runs cannot make: packets in parts, and tags that the kernel itself has taken out of
// them.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "bpf/features.h"
#include "support/hooked_chain.h"
#include "support/live_traffic.h"
#include "util/fd.h"

namespace weir::test {
namespace {

/// struct virtio_net_hdr; linux/virtio_net.h is no C++.
struct VirtioHeader {
    std::uint8_t flags = 0, gso_type = 0;
    std::uint16_t header_bytes = 14, gso_size = 0, checksum_start = 0, checksum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);

constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);  // linux/bpf.h, 6.6

/// Gives an interface frames whose first place holds little more than the Ethernet header: the
/// kernel does so with what is longer than a page (net/packet/af_packet.c:packet_alloc_skb).
class PartsSender {
public:
    explicit PartsSender(bpf::IfIndex interface) : fd_(::socket(AF_PACKET, SOCK_RAW, 0)) {
        const int on = 1;
        EXPECT_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_ifindex = bpf::number(interface);
        // SAFETY: every address of a socket begins with its family.
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    }
    void send(const Bytes& frame) const {
        const VirtioHeader header;
        Bytes message(reinterpret_cast<const char*>(&header), sizeof(header));  // SAFETY: as bytes
        message += frame;
        EXPECT_EQ(::send(fd_.get(), message.data(), message.size(), 0),
                  static_cast<ssize_t>(message.size()));
    }

private:
    UniqueFd fd_;
};

class HooksLive : public HooksTest {
protected:
    /// What the probe sees on tc of these frames, behind a real interface.
    static std::vector<std::uint64_t> seen_live(const std::vector<Bytes>& frames) {
        const PrivateNetwork network;
        run_command("ip link set vtx mtu 9000 && ip link set vrx mtu 9000");
        HookedChain chain(Hook::TcIngress);
        chain.append("native.c");
        const UniqueFd link(bpf_link_create(chain.chain().pivot().fd,
                                            bpf::number(network.receiver()), kTcxIngress, nullptr));
        EXPECT_GE(link.get(), 0) << errno_name(errno);
        const PartsSender sender(network.sender());
        for (const Bytes& frame : frames) sender.send(frame);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (chain.entered(0) < frames.size() && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return chain.seen();
    }
    static std::vector<std::uint64_t> seen_on_xdp(const std::vector<Bytes>& frames) {
        HookedChain chain(Hook::Xdp);
        chain.append("native.c");
        for (const Bytes& frame : frames) chain.run(frame);
        return chain.seen();
    }
    static Bytes long_tcp4() { return ipv4({.protocol = 6}, tcp({}, Bytes(5000, 'x'))); }
};

TEST_F(HooksLive, HaveTheHeadersOfAPacketInPartsInOnePlace) {
    const std::vector<Bytes> frames = {
        eth(kIpv4, long_tcp4()),
        eth(kIpv6, ipv6({.next = 60}, extension(17, 2, udp({}, Bytes(5000, 'y'))))),
        eth(kMpls, mpls(2, long_tcp4()))};
    const auto live = seen_live(frames);
    EXPECT_EQ(live, seen_on_xdp(frames));
    EXPECT_EQ(live.at(5), 1U) << "UDP";
    EXPECT_EQ(live.at(6), 2U) << "TCP";
}

TEST_F(HooksLive, ShowTheTagThatTheKernelTookOut) {
    const std::vector<Bytes> frames = {
        eth(kVlan, tagged(0x6064, kIpv4, ipv4({}, udp({}, "12345")))),
        eth(kQinq, tagged(0x2001, kVlan, tagged(0x4002, kIpv4, long_tcp4())))};
    const auto live = seen_live(frames);
    EXPECT_EQ(live, seen_on_xdp(frames));
    EXPECT_EQ(live.at(9), 2U);
    EXPECT_EQ(live.at(10), 0x2001U);
    EXPECT_EQ(live.at(11), 0x4002U);
}

}  // namespace
}  // namespace weir::test

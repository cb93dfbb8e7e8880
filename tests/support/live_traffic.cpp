// SPDX-License-Identifier: Apache-2.0
#include "support/live_traffic.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sched.h>

#include <array>
#include <cstdlib>

#include "util/errno.h"
#include "util/file.h"

namespace weir::test {
namespace {

/// A minimal frame: Ethernet to everybody, IPv4, TCP.
constexpr std::size_t kFrameBytes = 64;
std::array<unsigned char, kFrameBytes> make_frame() {
    std::array<unsigned char, kFrameBytes> frame{};
    for (std::size_t i = 0; i < 6; ++i) frame.at(i) = 0xff;
    frame[12] = 0x08;  // IPv4
    frame[14] = 0x45;
    frame[17] = 50;  // total length
    frame[23] = 6;   // TCP
    frame[46] = 0x50;
    return frame;
}

bpf::LoadedObject load_generator() {
    auto elf = read_bytes(fixture_path("live_traffic"));
    EXPECT_TRUE(elf.has_value()) << elf.error().message;
    auto object = bpf::Object::open(*elf, "live_traffic");
    EXPECT_TRUE(object.has_value()) << object.error().message;
    auto loaded = std::move(*object).load();
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message << loaded.error().log;
    return std::move(*loaded);
}

}  // namespace

std::string fixture_path(const std::string& name) {
    return std::string(WEIR_BUILD_DIR "/tests/fixtures/") + name + ".bpf.o";
}

void run_command(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT(concurrency-mt-unsafe)
}

PrivateNetwork::PrivateNetwork() : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    EXPECT_EQ(::unshare(CLONE_NEWNET), 0) << errno_name(errno);
    run_command("ip link add vtx type veth peer name vrx");
    for (const char* end : {"vtx", "vrx"}) {
        // /proc/sys/net is that of the caller's namespace; absent where the kernel has no IPv6
        run_command(fmt::format(
            "f=/proc/sys/net/ipv6/conf/{}/disable_ipv6; [ ! -e $f ] || echo 1 > $f", end));
        run_command(std::string("ip link set ") + end + " arp off up");
    }
    sender_ = bpf::interface_index("vtx").value_or(bpf::IfIndex{});
    receiver_ = bpf::interface_index(kReceiver).value_or(bpf::IfIndex{});
}

PrivateNetwork::~PrivateNetwork() {
    EXPECT_EQ(::setns(home_.get(), CLONE_NEWNET), 0) << errno_name(errno);
}

LiveTraffic::LiveTraffic(bpf::IfIndex sender) : object_(load_generator()), sender_(sender) {}

std::uint64_t LiveTraffic::send(std::uint32_t frames) {
    auto frame = make_frame();
    xdp_md context = {};
    context.data_end = kFrameBytes;
    context.ingress_ifindex = static_cast<std::uint32_t>(sender_);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = kFrameBytes,
                .ctx_in = &context, .ctx_size_in = sizeof(context),
                .repeat = static_cast<int>(frames), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                .batch_size = 64);
    const int rc = bpf_prog_test_run_opts(object_.program("send")->fd, &options);
    EXPECT_EQ(rc, 0) << errno_name(-rc);
    return rc == 0 ? frames : 0;
}

std::uint64_t LiveTraffic::send_until(const std::atomic<bool>& stop, std::uint32_t batch) {
    std::uint64_t sent = 0;
    while (!stop) sent += send(batch);
    return sent;
}

}  // namespace weir::test

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
#include <fstream>
#include <sstream>
#include <thread>

#include "util/clock.h"
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

/// What a veth's end counts of the frames that it was given; `packets` are those that its peer has
/// dealt with.
struct Transmitted {
    std::uint64_t packets = 0;
    std::uint64_t dropped = 0;
};

Transmitted transmitted_by(bpf::IfIndex interface) {
    Transmitted counts;
    const std::string name = bpf::interface_name(interface).value_or("?");
    std::ifstream devices("/proc/thread-self/net/dev");  // of the thread's network namespace
    for (std::string line; std::getline(devices, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || !line.substr(0, colon).ends_with(name)) continue;
        std::istringstream fields(line.substr(colon + 1));
        std::uint64_t skipped = 0;
        for (int i = 0; i < 9; ++i) fields >> skipped;  // reception, and bytes transmitted
        fields >> counts.packets >> skipped >> counts.dropped;
        return counts;
    }
    ADD_FAILURE() << "no interface " << name;
    return counts;
}

/// Keeps the calling thread on its CPU: the veth's receiver is polled on the CPU that fills its
/// ring, and a sender that moves away from there soon fills it (256 frames) faster than it empties.
class StayOnCpu {
public:
    StayOnCpu() {
        CPU_ZERO(&before_);
        EXPECT_EQ(::sched_getaffinity(0, sizeof(before_), &before_), 0);
        cpu_set_t here;
        CPU_ZERO(&here);
        CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
        EXPECT_EQ(::sched_setaffinity(0, sizeof(here), &here), 0);
    }
    ~StayOnCpu() { ::sched_setaffinity(0, sizeof(before_), &before_); }
    StayOnCpu(const StayOnCpu&) = delete;
    StayOnCpu& operator=(const StayOnCpu&) = delete;

private:
    cpu_set_t before_;
};

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
    const StayOnCpu stay;
    const Transmitted before = transmitted_by(sender_);
    const int rc = bpf_prog_test_run_opts(object_.program("send")->fd, &options);
    EXPECT_EQ(rc, 0) << errno_name(-rc);
    if (rc != 0) return 0;
    const std::uint64_t sent = frames - (transmitted_by(sender_).dropped - before.dropped);
    const Nanoseconds deadline = monotonic_ns() + 5'000'000'000;
    while (transmitted_by(sender_).packets - before.packets < sent && monotonic_ns() < deadline)
        std::this_thread::yield();
    EXPECT_EQ(transmitted_by(sender_).packets - before.packets, sent);
    return sent;
}

std::uint64_t LiveTraffic::send_until(const std::atomic<bool>& stop, std::uint32_t batch) {
    std::uint64_t sent = 0;
    while (!stop) sent += send(batch);
    return sent;
}

}  // namespace weir::test

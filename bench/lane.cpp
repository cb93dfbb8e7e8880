// SPDX-License-Identifier: Apache-2.0
#include "lane.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "need.h"
#include "test_run.h"
#include "util/clock.h"

namespace weir::bench {
namespace {

void run(const std::string& command) {
    if (std::system(command.c_str()) == 0) return;  // NOLINT(concurrency-mt-unsafe)
    give_up({.code = Errc::Io, .message = command});
}

struct Counts {
    std::uint64_t packets = 0;
    std::uint64_t dropped = 0;
};

/// What a veth's end counts of the frames it was given; `packets` are those that its peer has
/// dealt with.
Counts sent_by(const std::string& interface) {
    Counts counts;
    std::ifstream devices("/proc/thread-self/net/dev");  // of the thread's network namespace
    for (std::string line; std::getline(devices, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || !line.substr(0, colon).ends_with(interface)) continue;
        std::istringstream fields(line.substr(colon + 1));
        std::uint64_t skipped = 0;
        for (int i = 0; i < 9; ++i) fields >> skipped;  // reception, and bytes sent
        fields >> counts.packets >> skipped >> counts.dropped;
    }
    return counts;
}

}  // namespace

void enter_private_network() {
    if (::unshare(CLONE_NEWNET) != 0)
        give_up({.code = Errc::Permission, .message = "a network namespace of its own"});
    // The receiver is polled on the CPU that fills its ring (256 frames): a sender that moves away
    // fills it faster than it empties.
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
    if (::sched_setaffinity(0, sizeof(here), &here) != 0)
        give_up({.code = Errc::Io, .message = "staying on one CPU"});
}

Lane::Lane(const std::string& name) : sender_("wtx" + name), receiver_("wrx" + name) {
    run(fmt::format("ip link add {} type veth peer name {}", sender_, receiver_));
    for (const std::string& end : {sender_, receiver_}) {
        run(fmt::format("f=/proc/sys/net/ipv6/conf/{}/disable_ipv6; [ ! -e $f ] || echo 1 > $f",
                        end));
        run(fmt::format("ip link set {} arp off up", end));
    }
}

bpf::IfIndex Lane::receiver() const { return need(bpf::interface_index(receiver_)); }

std::uint64_t Lane::received() const { return sent_by(sender_).packets; }

double Lane::packets_per_second(int generator_fd, std::uint32_t frames) const {
    Frame frame = tcp_frame();
    std::fill_n(frame.begin(), 6, 0xff);  // to everybody
    frame[47] = 0x10;                     // ACK: what most packets of a flow are
    xdp_md context = {};
    context.data_end = frame.size();
    context.ingress_ifindex = static_cast<std::uint32_t>(need(bpf::interface_index(sender_)));
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                .ctx_in = &context, .ctx_size_in = sizeof(context),
                .repeat = static_cast<int>(frames), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                .batch_size = 64);
    const Counts before = sent_by(sender_);
    const Nanoseconds begin = monotonic_ns();
    if (const int rc = bpf_prog_test_run_opts(generator_fd, &options); rc != 0)
        give_up({.code = Errc::Io, .message = fmt::format("live frames: errno {}", -rc)});
    Counts now = sent_by(sender_);
    const Nanoseconds deadline = begin + 60'000'000'000;
    while (now.packets + now.dropped < before.packets + before.dropped + frames &&
           monotonic_ns() < deadline)
        now = sent_by(sender_);
    return static_cast<double>(now.packets - before.packets) * 1e9 /
           static_cast<double>(monotonic_ns() - begin);
}

}  // namespace weir::bench

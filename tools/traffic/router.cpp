// SPDX-License-Identifier: Apache-2.0
// The laboratory's router: forwards IPv4 on one device, with the delay and the loss of each host's
// line.
//
//     router DEVICE < TABLE
//
// A line of TABLE: ADDRESS MAC DELAY_US JITTER_US LOSS_PPM, all for one way. A packet waits for its
// source's line and for its destination's. Packets of one pair of hosts keep their order. What is
// for an address that the table lacks is dropped without a word. Prints "ready"; runs until it is
// killed.
//
// Not netem: many kernels are built without it. Segments that the hosts left to the device (TSO)
// stay whole.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t kOffloadBytes = 10;  // struct virtio_net_hdr, whose header is no C++
constexpr std::size_t kLargestFrame = kOffloadBytes + sizeof(ether_header) + 65535;
constexpr unsigned kBatch = 64;
constexpr std::uint64_t kSlotUs = 100;  // what a packet's time is rounded to
constexpr std::uint64_t kSlots = 8192;  // 0.8 s: longer than any delay
constexpr int kReceiveBytes = 64 << 20;

struct Line {
    std::size_t number;
    std::array<std::uint8_t, ETH_ALEN> mac;
    std::uint32_t delay_us, jitter_us, loss_ppm;
};

std::uint64_t now_us() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

class Table {
public:
    Table() {
        std::string address, mac;
        Line line{};
        while (std::cin >> address >> mac >> line.delay_us >> line.jitter_us >> line.loss_ppm) {
            line.number = lines_.size() + 1;
            const ether_addr* parsed = ether_aton(mac.c_str());
            if (!parsed) die(mac.c_str());
            std::memcpy(line.mac.data(), parsed, ETH_ALEN);
            lines_[inet_addr(address.c_str())] = line;
        }
    }
    const Line* find(in_addr_t address) const {
        const auto found = lines_.find(address);
        return found == lines_.end() ? nullptr : &found->second;
    }
    /// Of numbers, which count from 1; 0 is for those that are not in the table.
    std::size_t numbers() const { return lines_.size() + 1; }

private:
    std::unordered_map<in_addr_t, Line> lines_;
};

int open_socket(const char* device) {
    const int fd = socket(AF_PACKET, SOCK_RAW, 0);
    const int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes))
        die("packet socket");
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = htons(ETH_P_IP);
    here.sll_ifindex = static_cast<int>(if_nametoindex(device));
    if (!here.sll_ifindex || bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here)) die(device);
    return fd;
}

class Router {
public:
    explicit Router(const char* device)
        : pairs_(table_.numbers() * table_.numbers()), socket_(open_socket(device)) {}

    [[noreturn]] void run() {
        slot_ = now_us() / kSlotUs;
        for (;;) {
            wait();
            receive();
            release();
        }
    }

private:
    using Frame = std::vector<std::uint8_t>;  // with the struct virtio_net_hdr before it

    void wait() const {
        pollfd one{socket_, POLLIN, 0};
        const timespec slot{0, kSlotUs * 1000};
        ppoll(&one, 1, waiting_ ? &slot : nullptr, nullptr);
    }

    void receive() {
        static std::array<std::array<std::uint8_t, kLargestFrame>, kBatch> buffers;
        std::array<sockaddr_ll, kBatch> senders{};
        std::array<iovec, kBatch> pieces{};
        std::array<mmsghdr, kBatch> messages{};
        for (unsigned i = 0; i < kBatch; ++i) {
            pieces[i] = {buffers[i].data(), kLargestFrame};
            messages[i].msg_hdr.msg_iov = &pieces[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_name = &senders[i];
            messages[i].msg_hdr.msg_namelen = sizeof senders[i];
        }
        const int count = recvmmsg(socket_, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
        const std::uint64_t now = now_us();
        if (!waiting_) slot_ = now / kSlotUs;
        for (int i = 0; i < count; ++i) {
            const auto at = static_cast<unsigned>(i);
            if (senders[at].sll_pkttype == PACKET_HOST)  // not what is for everybody
                take(Frame(buffers[at].data(), buffers[at].data() + messages[at].msg_len), now);
        }
    }

    void take(Frame frame, std::uint64_t now) {
        constexpr std::size_t kIpAt = kOffloadBytes + sizeof(ether_header);
        if (frame.size() < kIpAt + sizeof(iphdr)) return;
        iphdr ip;
        std::memcpy(&ip, &frame[kIpAt], sizeof ip);
        const Line* from = table_.find(ip.saddr);
        const Line* to = table_.find(ip.daddr);
        if (!to || ip.ttl <= 1 || is_lost(*to) || (from && is_lost(*from))) return;
        --ip.ttl;
        const std::uint32_t sum = ip.check + htons(0x0100);
        ip.check = static_cast<std::uint16_t>(sum + (sum >> 16));
        std::memcpy(&frame[kIpAt], &ip, sizeof ip);
        std::uint8_t* ethernet = &frame[kOffloadBytes];
        std::memcpy(ethernet + ETH_ALEN, ethernet, ETH_ALEN);
        std::memcpy(ethernet, to->mac.data(), ETH_ALEN);

        std::uint64_t& last = pairs_[(from ? from->number : 0) * table_.numbers() + to->number];
        last = std::max(last, now + delay_us(*to) + (from ? delay_us(*from) : 0));
        const std::uint64_t slot = std::min(std::max(last / kSlotUs, slot_), slot_ + kSlots - 1);
        wheel_[slot % kSlots].push_back(std::move(frame));
        ++waiting_;
    }

    void release() {
        for (const std::uint64_t now = now_us() / kSlotUs; slot_ <= now; ++slot_) {
            std::vector<Frame>& due = wheel_[slot_ % kSlots];
            for (const Frame& frame : due)
                if (write(socket_, frame.data(), frame.size()) < 0)
                    continue;  // the line is full, as lines can be
            waiting_ -= due.size();
            due.clear();
            if (!waiting_) break;  // receive() goes on from the time that it is then
        }
    }

    bool is_lost(const Line& line) { return line.loss_ppm && random_() % 1000000 < line.loss_ppm; }
    std::uint64_t delay_us(const Line& line) {
        return line.delay_us + (line.jitter_us ? random_() % line.jitter_us : 0);
    }

    Table table_;
    std::vector<std::uint64_t> pairs_;  // when the last packet from one host to another leaves
    std::array<std::vector<Frame>, kSlots> wheel_;
    std::uint64_t slot_ = 0;  // the next to release
    std::size_t waiting_ = 0;
    std::minstd_rand random_{std::random_device{}()};
    int socket_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: router DEVICE < TABLE\n", stderr);
        return 2;
    }
    static Router router(argv[1]);
    std::puts("ready");
    std::fflush(stdout);
    router.run();
}

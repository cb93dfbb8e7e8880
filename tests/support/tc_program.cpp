// SPDX-License-Identifier: Apache-2.0
#include "support/tc_program.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>

#include "support/live_traffic.h"
#include "util/file.h"

namespace weir::test {
namespace {

constexpr std::uint16_t kEthertype = 0x88b5;  // IEEE 802: local experiments

bpf::LoadedObject load(int verdict) {
    auto elf = read_bytes(fixture_path("tc_count"));
    EXPECT_TRUE(elf.has_value()) << elf.error().message;
    auto object = bpf::Object::open(*elf, "tc_count");
    EXPECT_TRUE(object.has_value()) << object.error().message;
    const auto constant = object->constant("verdict");
    EXPECT_TRUE(constant.has_value());
    std::memcpy(constant->bytes.data(), &verdict, sizeof verdict);
    auto loaded = std::move(*object).load();
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message << loaded.error().log;
    return std::move(*loaded);
}

}  // namespace

TcProgram::TcProgram(int verdict) : object_(load(verdict)) {}

bpf::Program TcProgram::program() const {
    return object_.program("tc_count").value_or(bpf::Program{});
}

std::uint64_t TcProgram::frames() const {
    for (const bpf::Map& map : object_.maps()) {
        if (!map.name().ends_with(".bss")) continue;
        const std::uint32_t key = 0;
        std::uint64_t frames = 0;
        EXPECT_TRUE(map.lookup(&key, &frames));
        return frames;
    }
    ADD_FAILURE() << "the program has no counter";
    return 0;
}

std::uint64_t TcProgram::wait_for(std::uint64_t expected) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (frames() < expected && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return frames();
}

void send_frames(bpf::IfIndex interface, unsigned frames) {
    const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(socket.is_open());
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = bpf::number(interface);
    to.sll_protocol = htons(kEthertype);
    std::array<std::uint8_t, 60> frame{};
    frame.fill(0xff);  // to everybody
    frame[12] = kEthertype >> 8;
    frame[13] = kEthertype & 0xff;
    // SAFETY: the socket API takes each family's address through the common head.
    const auto* head = reinterpret_cast<const sockaddr*>(&to);
    for (unsigned i = 0; i < frames; ++i) {
        const ssize_t sent = ::sendto(socket.get(), frame.data(), frame.size(), 0, head, sizeof to);
        // A program that drops it says so to the sender.
        ASSERT_TRUE(sent == static_cast<ssize_t>(frame.size()) || errno == ENOBUFS);
    }
}

}  // namespace weir::test

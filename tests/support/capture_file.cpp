// SPDX-License-Identifier: Apache-2.0
#include "support/capture_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::test {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

Bytes number(std::uint32_t value, unsigned bytes, Order order) {
    Bytes out;
    for (unsigned i = 0; i < bytes; ++i) {
        const unsigned shift = 8 * (order == Order::Little ? i : bytes - 1 - i);
        out += static_cast<char>(value >> shift & 0xff);
    }
    return out;
}

/// Type, total length, body padded to four bytes, total length again.
Bytes block(std::uint32_t type, Bytes body) {
    body.resize((body.size() + 3) / 4 * 4);
    const Bytes length = u32(static_cast<std::uint32_t>(body.size() + 12));
    return u32(type) + length + body + length;
}

}  // namespace

Bytes u16(std::uint16_t value, Order order) { return number(value, 2, order); }
Bytes u32(std::uint32_t value, Order order) { return number(value, 4, order); }

Bytes pcap_header(const PcapFormat& f) {
    const std::uint32_t magic = f.is_nanosecond ? 0xa1b23c4d : 0xa1b2c3d4;
    return u32(magic, f.order) + u16(2, f.order) + u16(4, f.order) + u32(0, f.order) +
           u32(0, f.order) + u32(262144, f.order) + u32(f.link_type, f.order);
}

Bytes pcap_record(std::int64_t time_ns, std::string_view data, const PcapFormat& f,
                  std::uint32_t wire_bytes) {
    const auto seconds = static_cast<std::uint32_t>(time_ns / kNsPerSecond);
    const auto part =
        static_cast<std::uint32_t>(time_ns % kNsPerSecond / (f.is_nanosecond ? 1 : 1000));
    const auto captured = static_cast<std::uint32_t>(data.size());
    return u32(seconds, f.order) + u32(part, f.order) + u32(captured, f.order) +
           u32(wire_bytes == 0 ? captured : wire_bytes, f.order) + Bytes(data);
}

Bytes pcapng_section() {
    return block(0x0a0d0d0a, u32(0x1a2b3c4d) + u16(1) + u16(0) + u32(0xffffffff) + u32(0xffffffff));
}

Bytes pcapng_interface(std::uint16_t link_type) {
    const Bytes nanoseconds = u16(9) + u16(1) + Bytes("\x09\0\0\0", 4);  // if_tsresol: 10^-9
    return block(1, u16(link_type) + u16(0) + u32(262144) + nanoseconds + u32(0));
}

Bytes pcapng_packet(std::uint32_t interface, std::int64_t time_ns, std::string_view data) {
    const auto time = static_cast<std::uint64_t>(time_ns);
    const auto captured = static_cast<std::uint32_t>(data.size());
    return block(6, u32(interface) + u32(static_cast<std::uint32_t>(time >> 32)) +
                        u32(static_cast<std::uint32_t>(time)) + u32(captured) + u32(captured) +
                        Bytes(data));
}

Bytes udp_frame(std::uint8_t source) {
    const Bytes ethernet = Bytes(6, '\x02') + Bytes(6, '\x04') + u16(0x0800, Order::Big);
    const Bytes ip = Bytes("\x45\0\0\x2e\0\0\0\0\x40\x11\0\0\x0a\0\0", 15) +
                     static_cast<char>(source) + Bytes("\x0a\0\0\xfe", 4);
    Bytes frame = ethernet + ip;
    frame.resize(60);
    return frame;
}

CaptureFile::CaptureFile(std::string_view content) {
    std::string name = std::filesystem::temp_directory_path() / "weir-capture-XXXXXX";
    const int fd = ::mkstemp(name.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    path_ = name;
    std::ofstream(path_, std::ios::binary) << content;
}

CaptureFile::~CaptureFile() { std::filesystem::remove(path_); }

}  // namespace weir::test

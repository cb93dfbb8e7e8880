// SPDX-License-Identifier: Apache-2.0
#pragma once
// Capture files, written byte by byte from the formats' documents: independent of libpcap.
//
//     test::CaptureFile file(test::pcap_header({}) + test::pcap_record(time_ns, frame));
//     auto reader = capture::Reader::open(file.path());
//
// Ownership: a CaptureFile removes its file. One thread.
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::test {

/// Bytes, as in "\x01\x02"s; a string so that they concatenate.
using Bytes = std::string;

enum class Order { Little, Big };

[[nodiscard]] Bytes u16(std::uint16_t value, Order order = Order::Little);
[[nodiscard]] Bytes u32(std::uint32_t value, Order order = Order::Little);

struct PcapFormat {
    std::uint32_t link_type = 1;  // Ethernet
    bool is_nanosecond = true;
    Order order = Order::Little;
};
[[nodiscard]] Bytes pcap_header(const PcapFormat& format);
/// `wire_bytes` 0: as long as the data.
[[nodiscard]] Bytes pcap_record(std::int64_t time_ns, std::string_view data,
                                const PcapFormat& format = {}, std::uint32_t wire_bytes = 0);

/// pcapng blocks, little-endian; times in nanoseconds.
[[nodiscard]] Bytes pcapng_section();
[[nodiscard]] Bytes pcapng_interface(std::uint16_t link_type);
[[nodiscard]] Bytes pcapng_packet(std::uint32_t interface, std::int64_t time_ns,
                                  std::string_view data);

/// An Ethernet frame of IPv4 and UDP from 10.0.0.SOURCE, 60 bytes.
[[nodiscard]] Bytes udp_frame(std::uint8_t source);

class CaptureFile {
public:
    explicit CaptureFile(std::string_view content);
    ~CaptureFile();
    CaptureFile(const CaptureFile&) = delete;
    CaptureFile& operator=(const CaptureFile&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace weir::test

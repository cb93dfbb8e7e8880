// SPDX-License-Identifier: Apache-2.0
// Captures with bytes changed, cut out and doubled: each gives packets or a reason, and its frames
// are never longer than the file.
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "capture/reader.h"
#include "support/capture_file.h"
#include "support/fuzz.h"

namespace weir::capture {
namespace {

using test::Bytes;

constexpr std::int64_t kTime = 1'600'000'000'123'456'789;
constexpr int kPackets = 40;

Bytes pcap(std::uint32_t link_type) {
    Bytes content = test::pcap_header({.link_type = link_type});
    for (std::uint8_t i = 0; i < kPackets; ++i)
        content += test::pcap_record(kTime + i, test::udp_frame(i));
    return content;
}

Bytes pcapng() {
    Bytes content = test::pcapng_section() + test::pcapng_interface(1);
    for (std::uint8_t i = 0; i < kPackets; ++i)
        content += test::pcapng_packet(0, kTime + i, test::udp_frame(i));
    return content;
}

Bytes gzipped(const Bytes& content) {
    constexpr int kGzip = 15 + 16;  // zlib's largest window, with gzip's header
    z_stream stream = {};
    EXPECT_EQ(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::vector<Bytef> in(content.begin(), content.end());
    std::vector<Bytef> out(deflateBound(&stream, in.size()) + 64);
    stream.next_in = in.data();
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return {out.begin(), out.end()};
}

/// Whether all of its packets were read. Every byte of a frame is looked at: the sanitizers see
/// what lies outside.
bool reads_whole(const Bytes& content) {
    const test::CaptureFile file(content);
    auto reader = Reader::open(file.path());
    if (!reader) {
        EXPECT_FALSE(reader.error().message.empty());
        return false;
    }
    std::uint64_t number = 0;
    unsigned sum = 0;
    while (const auto packet = reader->next()) {
        EXPECT_GT(packet->number, number);
        number = packet->number;
        for (const std::byte byte : packet->bytes) sum += std::to_integer<unsigned>(byte);
    }
    EXPECT_FALSE(reader->next());
    asm volatile("" : : "r"(sum));  // the compiler may not leave the reading out
    return reader->broken().empty();
}

struct Kind {
    const char* name;
    unsigned seed;
    Bytes content;
};

class CaptureFuzz : public ::testing::TestWithParam<Kind> {};

TEST_P(CaptureFuzz, GivesPacketsOrAReason) {
    ASSERT_TRUE(reads_whole(GetParam().content));
    test::fuzz(GetParam().seed, GetParam().content, reads_whole);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, CaptureFuzz,
    ::testing::Values(Kind{"ethernet", 1, pcap(1)}, Kind{"raw_ip", 2, pcap(101)},
                      Kind{"linux_sll", 3, pcap(113)}, Kind{"linux_sll2", 4, pcap(276)},
                      Kind{"pcapng", 5, pcapng()}, Kind{"gzip", 6, gzipped(pcap(1))}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace weir::capture

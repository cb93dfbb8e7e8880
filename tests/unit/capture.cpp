// SPDX-License-Identifier: Apache-2.0
// Captures of every kind that weir reads, and broken ones: what comes out, and what is said.
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <vector>

#include "capture/reader.h"
#include "support/capture_file.h"

namespace weir::capture {
namespace {

using test::Bytes;
using test::CaptureFile;
using test::Order;
using test::pcap_header;
using test::pcap_record;
using test::PcapFormat;
using test::u16;
using test::u32;

constexpr std::int64_t kTime = 1'600'000'000'123'456'789;
const Bytes kPayload4 = '\x45' + Bytes(" and the rest of an IPv4 packet");
const Bytes kPayload6 = '\x60' + Bytes(" and the rest of an IPv6 packet");

struct Seen {
    std::uint64_t number;
    std::int64_t time_ns;
    Bytes bytes;
    std::uint64_t wire_bytes;
    bool operator==(const Seen&) const = default;
};

struct Content {
    std::vector<Seen> packets;
    std::string broken;
};

Content read_all(const Bytes& file_content) {
    const CaptureFile file(file_content);
    auto reader = Reader::open(file.path());
    EXPECT_TRUE(reader.has_value()) << reader.error().message;
    Content content;
    if (!reader) return content;
    while (auto packet = reader->next()) {
        // SAFETY: chars may view any bytes.
        const auto* data = reinterpret_cast<const char*>(packet->bytes.data());
        content.packets.push_back({.number = packet->number,
                                   .time_ns = packet->time_ns,
                                   .bytes = Bytes(data, packet->bytes.size()),
                                   .wire_bytes = packet->wire_bytes});
    }
    EXPECT_FALSE(reader->next()) << "an end is the end";
    content.broken = reader->broken();
    return content;
}

Error open_error(const Bytes& file_content) {
    const CaptureFile file(file_content);
    auto reader = Reader::open(file.path());
    EXPECT_FALSE(reader.has_value());
    return reader ? Error{.code = Errc::Io, .message = "no error"} : reader.error();
}

Bytes gzip(const Bytes& content) {
    const CaptureFile file("");
    gzFile out = gzopen(file.path().c_str(), "wb");
    EXPECT_EQ(gzwrite(out, content.data(), static_cast<unsigned>(content.size())),
              static_cast<int>(content.size()));
    EXPECT_EQ(gzclose(out), Z_OK);
    std::FILE* in = std::fopen(file.path().c_str(), "rb");
    Bytes packed(std::filesystem::file_size(file.path()), '\0');
    EXPECT_EQ(std::fread(packed.data(), 1, packed.size(), in), packed.size());
    std::fclose(in);
    return packed;
}

/// The Ethernet frame that a payload becomes: addresses that nobody told are zero.
Bytes ethernet(std::uint16_t ethertype, const Bytes& payload,
               const Bytes& source = Bytes(6, '\0')) {
    return Bytes(6, '\0') + source + u16(ethertype, Order::Big) + payload;
}

TEST(Capture, GivesEthernetFramesAsTheyAre) {
    const Bytes frame = test::udp_frame(1);
    const auto got = read_all(pcap_header({}) + pcap_record(kTime, frame) +
                              pcap_record(kTime + 1, frame.substr(0, 20), {}, 1514));
    const std::vector<Seen> expected = {
        {.number = 1, .time_ns = kTime, .bytes = frame, .wire_bytes = 60},
        {.number = 2, .time_ns = kTime + 1, .bytes = frame.substr(0, 20), .wire_bytes = 1514}};
    EXPECT_EQ(got.packets, expected);
    EXPECT_EQ(got.broken, "");
}

TEST(Capture, ReadsBothByteOrdersAndBothPrecisions) {
    for (const Order order : {Order::Little, Order::Big}) {
        for (const bool is_nanosecond : {false, true}) {
            const PcapFormat format{.is_nanosecond = is_nanosecond, .order = order};
            const auto got = read_all(pcap_header(format) + pcap_record(kTime, "a frame", format));
            ASSERT_EQ(got.packets.size(), 1U);
            EXPECT_EQ(got.packets[0].time_ns, is_nanosecond ? kTime : kTime / 1000 * 1000);
            EXPECT_EQ(got.packets[0].bytes, "a frame");
        }
    }
}

TEST(Capture, PassesTimesOnAsTheyStand) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::vector<std::int64_t> times = {
        kTime, kTime, kTime - 5 * kSecond, 0, 4'294'967'295 * kSecond, 1};
    Bytes file = pcap_header({});
    for (const std::int64_t time : times) file += pcap_record(time, "x");
    std::vector<std::int64_t> got;
    for (const Seen& packet : read_all(file).packets) got.push_back(packet.time_ns);
    EXPECT_EQ(got, times);
}

TEST(Capture, AddsAFractionOfMoreThanASecond) {
    const Bytes record = u32(10) + u32(2'500'000'000U - 500'000'000U) + u32(1) + u32(1) + "x";
    const auto got = read_all(pcap_header({}) + record);
    ASSERT_EQ(got.packets.size(), 1U);
    EXPECT_EQ(got.packets[0].time_ns, 12'000'000'000);
}

struct LinkCase {
    const char* name;
    std::uint32_t link_type;  // LINKTYPE_*, as in the file
    Bytes header;
    Bytes payload;
    Bytes expected;
};

std::vector<LinkCase> link_cases() {
    const Bytes mac = "\x02\x11\x22\x33\x44\x55";
    const Bytes sll = u16(0, Order::Big) + u16(1, Order::Big) + u16(6, Order::Big) + mac + "zz";
    const Bytes sll_none =
        u16(0, Order::Big) + u16(772, Order::Big) + u16(0, Order::Big) + "00000000";
    const Bytes sll2 = Bytes("\x08\0\0\0\0\0\0\3\0\1\0\x06", 12) + mac + "zz";
    const Bytes bsd = u32(2, Order::Big);
    return {
        {"raw_ipv4", 101, "", kPayload4, ethernet(0x0800, kPayload4)},
        {"raw_ipv6", 101, "", kPayload6, ethernet(0x86dd, kPayload6)},
        {"raw_neither", 101, "", "p?", ethernet(0, "p?")},
        {"raw_nothing", 101, "", "", ethernet(0, "")},
        {"ipv4", 228, "", kPayload4, ethernet(0x0800, kPayload4)},
        {"ipv6", 229, "", kPayload6, ethernet(0x86dd, kPayload6)},
        {"null_little", 0, u32(2), kPayload4, ethernet(0x0800, kPayload4)},
        {"null_big", 0, bsd, kPayload4, ethernet(0x0800, kPayload4)},
        {"null_ipv6_of_macos", 0, u32(30), kPayload6, ethernet(0x86dd, kPayload6)},
        {"loop", 108, u32(24, Order::Big), kPayload6, ethernet(0x86dd, kPayload6)},
        {"sll", 113, sll + u16(0x0800, Order::Big), kPayload4, ethernet(0x0800, kPayload4, mac)},
        {"sll_vlan", 113, sll + u16(0x8100, Order::Big), "tag", ethernet(0x8100, "tag", mac)},
        {"sll_no_address", 113, sll_none + u16(0x86dd, Order::Big), kPayload6,
         ethernet(0x86dd, kPayload6)},
        {"sll2", 276, sll2, kPayload4, ethernet(0x0800, kPayload4, mac)},
        {"ppp_ipv4", 9, Bytes("\0\x21", 2), kPayload4, ethernet(0x0800, kPayload4)},
        {"ppp_hdlc_ipv6", 50, Bytes("\xff\x03\0\x57", 4), kPayload6, ethernet(0x86dd, kPayload6)},
        {"ppp_lcp", 9, "", "\xc0\x21 lcp", ethernet(0x880b, "\xc0\x21 lcp")},
    };
}

TEST(Capture, MakesEthernetOfOtherLinkTypes) {
    for (const LinkCase& c : link_cases()) {
        SCOPED_TRACE(c.name);
        const PcapFormat format{.link_type = c.link_type};
        const Bytes data = c.header + c.payload;
        const auto wire = static_cast<std::uint32_t>(data.size() + 100);
        const auto got = read_all(pcap_header(format) + pcap_record(kTime, data, format, wire));
        ASSERT_EQ(got.packets.size(), 1U);
        EXPECT_EQ(got.packets[0].bytes, c.expected);
        EXPECT_EQ(got.packets[0].wire_bytes, c.expected.size() + 100);
    }
}

TEST(Capture, MakesAnEmptyFrameOfWhatEndsWithinItsLinkHeader) {
    for (const LinkCase& c : link_cases()) {
        const PcapFormat format{.link_type = c.link_type};
        for (std::size_t length = 0; length < c.header.size(); ++length) {
            SCOPED_TRACE(std::string(c.name) + " " + std::to_string(length));
            const bool is_ppp = c.link_type == 9 || c.link_type == 50;
            if (is_ppp && length >= 2) continue;  // two bytes are a protocol already
            const Bytes cut = c.header.substr(0, length);
            const auto got = read_all(pcap_header(format) + pcap_record(kTime, cut, format));
            ASSERT_EQ(got.packets.size(), 1U);
            EXPECT_EQ(got.packets[0].bytes, "");
        }
    }
}

TEST(Capture, RefusesALinkTypeThatItCannotMakeEthernetOf) {
    const Error error = open_error(pcap_header({.link_type = 105}));  // 802.11
    EXPECT_EQ(error.code, Errc::Unsupported);
    EXPECT_TRUE(error.message.contains("IEEE802_11")) << error.message;
    EXPECT_TRUE(error.message.contains("weir-capture-")) << error.message;
}

TEST(Capture, ReadsPcapngWithSeveralInterfacesOfOneLinkType) {
    const auto got = read_all(test::pcapng_section() + test::pcapng_interface(1) +
                              test::pcapng_interface(1) + test::pcapng_packet(1, kTime, "second") +
                              test::pcapng_packet(0, kTime + 7, "first"));
    ASSERT_EQ(got.packets.size(), 2U);
    EXPECT_EQ(got.packets[0].bytes, "second");
    EXPECT_EQ(got.packets[0].time_ns, kTime);
    EXPECT_EQ(got.packets[1].time_ns, kTime + 7);
    EXPECT_EQ(got.broken, "");
}

TEST(Capture, GivesThePacketsBeforeAnInterfaceOfAnotherLinkType) {
    const auto got = read_all(test::pcapng_section() + test::pcapng_interface(1) +
                              test::pcapng_packet(0, kTime, "ethernet") +
                              test::pcapng_interface(101) + test::pcapng_packet(1, kTime, "raw"));
    ASSERT_EQ(got.packets.size(), 1U);
    EXPECT_TRUE(got.broken.starts_with("packet 2: ")) << got.broken;
}

TEST(Capture, GivesWholePacketsOfAFileThatIsCutAnywhere) {
    const Bytes header = pcap_header({});
    const Bytes record = pcap_record(kTime, "0123456789");
    const Bytes file = header + record + record;
    for (std::size_t length = header.size(); length <= file.size(); ++length) {
        SCOPED_TRACE(length);
        const auto got = read_all(file.substr(0, length));
        const std::size_t whole = (length - header.size()) / record.size();
        EXPECT_EQ(got.packets.size(), whole);
        const bool is_cut = (length - header.size()) % record.size() != 0;
        EXPECT_EQ(got.broken.empty(), !is_cut) << got.broken;
        if (is_cut) {
            EXPECT_TRUE(
                got.broken.starts_with("packet " + std::to_string(whole + 1) + ": truncated"))
                << got.broken;
        }
    }
}

TEST(Capture, StopsAtAFrameOfTwoGigabytes) {
    const Bytes claim = u32(1) + u32(0) + u32(0x7fffffff) + u32(0x7fffffff) + "few bytes";
    const auto got = read_all(pcap_header({}) + pcap_record(kTime, "good") + claim);
    ASSERT_EQ(got.packets.size(), 1U);
    EXPECT_TRUE(got.broken.starts_with("packet 2: ")) << got.broken;
    EXPECT_TRUE(got.broken.contains("2147483647")) << got.broken;
}

TEST(Capture, RefusesWhatIsNoCapture) {
    for (const Bytes& content : {Bytes(""), Bytes("\xd4\xc3"), pcap_header({}).substr(0, 23),
                                 Bytes("#include <linux/bpf.h> and more text than a header has\n"),
                                 Bytes("\x1f\x8b but no gzip behind it, whatever it says")}) {
        const Error error = open_error(content);
        EXPECT_EQ(error.code, Errc::Invalid) << content;
        EXPECT_TRUE(error.message.starts_with("capture /")) << error.message;
    }
}

TEST(Capture, HasNoPacketsWhereTheFileHasNone) {
    const auto got = read_all(pcap_header({}));
    EXPECT_TRUE(got.packets.empty());
    EXPECT_EQ(got.broken, "");
}

TEST(Capture, NamesAFileThatIsNotThereAndADirectory) {
    const auto missing = Reader::open("/nowhere/dump.pcap");
    ASSERT_FALSE(missing.has_value());
    EXPECT_EQ(missing.error().code, Errc::NotFound);
    EXPECT_TRUE(missing.error().message.contains("/nowhere/dump.pcap")) << missing.error().message;
    const auto folder = Reader::open(std::filesystem::temp_directory_path());
    ASSERT_FALSE(folder.has_value());
    EXPECT_EQ(folder.error().code, Errc::Invalid);
}

TEST(Capture, ReadsGzippedFiles) {
    const Bytes plain = pcap_header({}) + pcap_record(kTime, "one") + pcap_record(kTime + 1, "two");
    const auto got = read_all(gzip(plain));
    EXPECT_EQ(got.packets, read_all(plain).packets);
    EXPECT_EQ(got.packets.size(), 2U);
    EXPECT_EQ(got.broken, "");
}

TEST(Capture, SaysThatAGzippedFileIsCut) {
    Bytes plain = pcap_header({});
    for (int i = 0; i < 1000; ++i) plain += pcap_record(kTime + i * 7919, std::to_string(i * 7919));
    const Bytes packed = gzip(plain);
    const auto got = read_all(packed.substr(0, packed.size() / 2));
    EXPECT_LT(got.packets.size(), 1000U);
    EXPECT_NE(got.broken, "");
}

TEST(Capture, KnowsHowFarItIs) {
    Bytes content = pcap_header({});
    for (int i = 0; i < 20000; ++i) content += pcap_record(kTime, test::udp_frame(1));
    const CaptureFile file(content);
    auto reader = Reader::open(file.path());
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ(reader->file_bytes(), content.size());
    ASSERT_TRUE(reader->next());
    EXPECT_LT(reader->position(), content.size());
    while (reader->next()) {
    }
    EXPECT_EQ(reader->position(), content.size());
}

}  // namespace
}  // namespace weir::capture

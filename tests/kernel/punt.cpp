// SPDX-License-Identifier: Apache-2.0
// Packets for user space: each copy is the packet's first bytes, as many as were asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "bpf/ring.h"
#include "support/one_probe.h"
#include "support/scratch_folder.h"
#include "util/clock.h"

namespace weir {
namespace {

std::string random_frame(std::size_t bytes) {
    static std::mt19937 random(1);  // NOLINT(*-msc51-cpp): the same frames every time
    std::string frame(bytes, '\0');
    for (char& byte : frame) byte = static_cast<char>(random());
    return frame;
}

/// What the ring of the first clone holds; it is empty then.
std::vector<weir_packet_copy> copies_of(const test::OneProbe& probe) {
    std::vector<weir_packet_copy> copies;
    const bpf::Map* map = probe.pair().clone(0).find_map("weir_copies");
    EXPECT_NE(map, nullptr);
    auto ring = bpf::Ring::open(*map, [&](std::span<const std::byte> record) {
        weir_packet_copy copy;
        ASSERT_EQ(record.size(), sizeof(copy));
        std::memcpy(&copy, record.data(), sizeof(copy));
        copies.push_back(copy);
    });
    EXPECT_TRUE(ring.has_value()) << ring.error().message;
    (*ring)->consume(100'000);
    return copies;
}

void expect_copy(const weir_packet_copy& copy, const std::string& frame, std::size_t asked) {
    const std::size_t bytes = std::min({frame.size(), asked, std::size_t{WEIR_COPY_BYTES}});
    EXPECT_EQ(copy.length, frame.size());
    ASSERT_EQ(copy.copied, bytes) << frame.size() << " bytes, " << asked << " asked for";
    EXPECT_EQ(std::memcmp(static_cast<const unsigned char*>(copy.data), frame.data(), bytes), 0);
}

TEST(Punt, GivesAsManyBytesAsAreAskedForAndThere) {
    for (const unsigned asked :
         {0U, 1U, 7U, 8U, 9U, 14U, 60U, 64U, 255U, 256U, 257U, 4'000'000'000U}) {
        ProbeSpec spec;
        spec.file = test::fixture_file("punt");
        spec.settings = {{.target = "length", .value = std::to_string(asked)}};
        const test::OneProbe probe(spec);
        std::uint64_t cut = 0;
        for (const std::size_t bytes : {14U, 15U, 60U, 64U, 255U, 256U, 257U, 1500U}) {
            const std::string frame = random_frame(bytes);
            const Nanoseconds before = monotonic_ns();
            EXPECT_EQ(probe.run(frame), 1U) << "the packet goes on as the probe says";
            const auto copies = copies_of(probe);
            ASSERT_EQ(copies.size(), 3U);
            expect_copy(copies[0], frame, asked);
            expect_copy(copies[1], frame, 14);
            expect_copy(copies[2], frame, WEIR_COPY_BYTES);
            for (const weir_packet_copy& copy : copies) {
                cut += copy.copied < frame.size() ? 1 : 0;
                EXPECT_GE(static_cast<Nanoseconds>(copy.time), before);
            }
        }
        EXPECT_EQ(probe.counted(0).copies_cut, cut);
        EXPECT_EQ(probe.counted(0).copies_lost, 0U);
    }
}

TEST(Punt, WhatFindsNoRoomIsCounted) {
    ProbeSpec spec;
    spec.file = test::fixture_file("punt");
    const test::OneProbe probe(spec);
    (void)probe.run(random_frame(64), 5000);
    const std::size_t copies = copies_of(probe).size();
    EXPECT_GT(copies, 3000U);
    EXPECT_GT(probe.counted(0).copies_lost, 0U);
    EXPECT_EQ(copies + probe.counted(0).copies_lost, 15'000U);
    EXPECT_EQ(probe.counted(1).copies_lost, 0U);
}

TEST(Punt, ByTheNamesOfOtherFrameworks) {
    const test::ScratchFolder folder;
    const std::pair<const char*, std::uint32_t> sources[] = {
        {"static int handler(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
         "    return pkt_to_controller(ctx, md) == 0 && md->length == 300 ? DROP : PASS;\n}\n",
         1},
        {"static int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
         "    return pcn_pkt_controller(ctx, md, 7);\n}\n",
         1}};
    for (const auto& [content, verdict] : sources) {
        ProbeSpec spec;
        spec.file = {.name = "source", .path = folder.file("source.c", content)};
        const test::OneProbe probe(spec);
        const std::string frame = random_frame(300);
        EXPECT_EQ(probe.run(frame), verdict);
        const auto copies = copies_of(probe);
        ASSERT_EQ(copies.size(), 1U);
        expect_copy(copies[0], frame, WEIR_COPY_BYTES);
    }
}

}  // namespace
}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
// A model's input made of a flow tensor's rows: computed again row by row, from the native structs.
#include "support/model_input.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "model/input.h"

namespace weir::model {
namespace {

using namespace std::chrono_literals;
using test::converted;
using test::ddos_shape;
using test::DdosPacket;
using test::DdosRow;
using test::kDdosPackets;
using test::own_profile;
using test::profile_of;
using test::Rows;

// ---- the reference ----

/// What tshark's names give; from tools outside this project: hashlib's SHA-256.
struct Layer {
    double number;
    unsigned bit;
};
constexpr std::array<Layer, 17> kApplications = {{{0, 0},
                                                  {49489976, 2},
                                                  {11875138, 16},
                                                  {18228385, 0},
                                                  {63782488, 4},
                                                  {83392760, 0},
                                                  {74463795, 0},
                                                  {11749951, 8},
                                                  {1860825, 1024},
                                                  {61504447, 0},
                                                  {46014861, 128},
                                                  {29586784, 0},
                                                  {13762475, 0},
                                                  {86520378, 0},
                                                  {89974687, 0},
                                                  {15993166, 0},
                                                  {22172439, 0}}};

Layer transport(int protocol, bool is_ipv6) {
    switch (protocol) {
        case 6: return {.number = 78354535, .bit = 512};
        case 17: return {.number = 26361795, .bit = 2048};
        case 1:
            if (!is_ipv6) return {.number = 97525412, .bit = 32};
            break;
        case 58:
            if (is_ipv6) return {.number = 12256414, .bit = 0};
            break;
        default: break;
    }
    return is_ipv6 ? Layer{.number = 25264828, .bit = 0} : Layer{.number = 68667912, .bit = 64};
}

bool is_ipv6(const DdosRow& row) {
    std::array<std::uint8_t, 12> mapped{};
    mapped[10] = mapped[11] = 0xff;
    return !std::equal(mapped.begin(), mapped.end(), row.head.key.source.begin());
}

struct Reference {
    double df = 2;
    bool is_raw_ack = false;
    double window_s = 10;
};

/// LUCID's eleven, divided, of packet j.
std::vector<double> lucid(const DdosRow& row, std::size_t j, const Reference& as) {
    const std::size_t count = std::min<std::size_t>(row.head.packets, kDdosPackets);
    const DdosPacket& p = row.packet[j];
    std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; i < count; ++i) first = std::min(first, row.packet[i].time);
    const bool six = is_ipv6(row);
    const Layer lower = transport(row.head.key.protocol, six);
    const unsigned application = p.application < 17 ? p.application : 1;
    const Layer upper = kApplications[application];
    const unsigned bits = (six ? 0U : 64U) | lower.bit | upper.bit;
    const double flags = std::floor(p.ip_fragment / 8192.0);
    return {static_cast<double>(p.time - first) / 1e9 / as.window_s,
            p.ip_length / 65536.0,
            (application == 0 ? lower.number : upper.number) / 4294967296.0,
            flags * as.df / 2 / 65536,
            bits / 4096.0,
            p.tcp_length / 65536.0,
            (as.is_raw_ack ? p.tcp_ack : test::reference_ack(row, j, true)) / 4294967296.0,
            p.tcp_flags / 65536.0,
            p.tcp_window / 65536.0,
            p.udp_length / 65536.0,
            p.icmp_type / 256.0};
}

std::vector<DdosRow> random_rows(std::size_t count) {
    std::mt19937_64 random(5);  // NOLINT(*-msc51-cpp): the same rows every time
    std::vector<DdosRow> rows(count);
    constexpr std::array<std::uint8_t, 7> kProtocols = {6, 6, 17, 1, 58, 47, 44};
    const auto u16 = [&] { return static_cast<std::uint16_t>(random()); };
    for (std::size_t i = 0; i < count; ++i) {
        DdosRow& row = rows[i];
        row.head.packets = static_cast<std::uint32_t>(i % 13);
        row.head.key.protocol = kProtocols[random() % kProtocols.size()];
        if (i % 3 != 0) row.head.key.source[10] = row.head.key.source[11] = 0xff;
        row.head.key.source[12] = 10;
        for (std::size_t j = 0; j < std::min<std::size_t>(row.head.packets, kDdosPackets); ++j)
            row.packet[j] = {.time = (1ULL << 62) + random() % 10'000'000'000,
                             .tcp_ack = static_cast<std::uint32_t>(random()),
                             .tcp_sequence = static_cast<std::uint32_t>(random()),
                             .ip_length = u16(),
                             .ip_fragment = u16(),
                             .tcp_length = u16(),
                             .tcp_flags = static_cast<std::uint16_t>(random() % 0x200),
                             .tcp_window = u16(),
                             .udp_length = u16(),
                             .icmp_type = static_cast<std::uint8_t>(random()),
                             .application = static_cast<std::uint8_t>(random() % 24),
                             .is_backward = static_cast<std::uint8_t>(random() % 2)};
    }
    return rows;
}

void expect_lucid(const std::string& profile, const Reference& as) {
    const Rows<DdosRow> rows(random_rows(500), ddos_shape());
    const auto window = std::chrono::nanoseconds(std::llround(as.window_s * 1e9));
    const std::vector<double> out = converted(rows, profile_of(profile), window);
    ASSERT_EQ(out.size(), 500U * kDdosPackets * 11);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const DdosRow& row = rows.rows()[i / 11 / kDdosPackets];
        const std::size_t j = i / 11 % kDdosPackets;
        const double should = j < row.head.packets ? lucid(row, j, as)[i % 11] : 0;
        ASSERT_NEAR(out[i], should, 1e-12) << profile << ": column " << i % 11 << " of packet " << j
                                           << " of flow " << i / 11 / kDdosPackets;
    }
}

TEST(Input, MakesLucidsColumnsAsAPlainLoopDoes) {
    expect_lucid("lucid11", {});
    expect_lucid("lucid11,ip_flags=0x40", {.df = 0x40});
    expect_lucid("lucid11,ip_flags=0x4000,ack=raw", {.df = 0x4000, .is_raw_ack = true});
    expect_lucid("lucid11", {.window_s = 0.5});
}

TEST(Input, HasTheValuesThatTheDataSetsHave) {
    std::vector<DdosRow> rows(1);
    rows[0].head.packets = 3;
    rows[0].head.key.protocol = 6;
    rows[0].head.key.source[10] = rows[0].head.key.source[11] = 0xff;
    rows[0].packet[0] = {.ip_fragment = 0x4000};
    rows[0].packet[1] = {.application = 3};
    rows[0].packet[2] = {.application = 2};
    const auto out = converted(Rows(rows, ddos_shape()), profile_of("lucid11"));
    EXPECT_NEAR(out[2], 0.018243, 5e-7) << "TCP";
    EXPECT_NEAR(out[11 + 2], 0.004244, 5e-7) << "TLS";
    EXPECT_NEAR(out[22 + 2], 0.002765, 5e-7) << "HTTP";
    EXPECT_EQ(out[4], 576 / 4096.0);
    EXPECT_EQ(out[3], 2 / 65536.0);
}

TEST(Input, MakesTheClassicSix) {
    const Rows<DdosRow> rows(random_rows(50), ddos_shape());
    const auto out = converted(rows, profile_of("lucid6,ip_flags=0x4000"), 2s);
    for (std::size_t i = 0; i < 50 * kDdosPackets; ++i) {
        const DdosRow& row = rows.rows()[i / kDdosPackets];
        const std::size_t j = i % kDdosPackets;
        const bool is_there = j < row.head.packets;
        const auto eleven = is_there ? lucid(row, j, {.window_s = 2}) : std::vector<double>(11);
        EXPECT_NEAR(out[i * 6], eleven[0], 1e-12);
        EXPECT_EQ(out[i * 6 + 1], is_there ? row.packet[j].ip_fragment / 65536.0 : 0);
        EXPECT_EQ(out[i * 6 + 2], eleven[7]);
        EXPECT_EQ(out[i * 6 + 3], eleven[8]);
        EXPECT_EQ(out[i * 6 + 4], eleven[9]);
        EXPECT_EQ(out[i * 6 + 5], eleven[10]);
    }
}

TEST(Input, LeavesRawNumbersUndivided) {
    const Rows<DdosRow> rows(random_rows(20), ddos_shape());
    const Profile profile = profile_of("lucid11,ip_flags=0x40");
    const auto divided = converted(rows, profile);
    const auto raw = converted(rows, profile, 10s, Scale::Raw);
    ASSERT_EQ(raw.size(), divided.size());
    for (std::size_t i = 0; i < raw.size(); ++i)
        ASSERT_NEAR(raw[i], divided[i] * profile.features[i % 11].divisor.value_or(10),
                    1e-9 * std::abs(raw[i]));
    EXPECT_EQ(raw[11 * kDdosPackets + 1], rows.rows()[1].packet[0].ip_length);
}

// ---- every kind of number ----

using test::Row;

std::vector<Row> number_rows() {
    std::vector<Row> rows(3);
    rows[0].packets = 1;
    rows[0].packet[0] = {.time = 1ULL << 63,
                         .s64 = -5'000'000'000,
                         .f64 = -0.125,
                         .u32 = 4'000'000'000,
                         .s32 = -7,
                         .f32 = 2.5F,
                         .be32 = htonl(0x01020304),
                         .u16 = 60000,
                         .s16 = -300,
                         .be16 = htons(443),
                         .u8 = 250,
                         .s8 = -1,
                         .yes = true,
                         .bits = 5};
    rows[2] = rows[0];
    rows[2].packets = 9;  // beyond the four that are recorded
    return rows;
}

constexpr std::array<const char*, 13> kNumbers = {
    "time", "s64", "f64", "u32", "s32", "f32", "be32", "u16", "s16", "be16", "u8", "s8", "yes"};
constexpr std::array<double, 13> kValues = {
    9223372036854775808.0, -5e9, -0.125, 4e9, -7, 2.5, 16909060, 60000, -300, 443, 250, -1, 1};

TEST(Input, ReadsEveryKindOfNumber) {
    Profile profile = own_profile({});
    for (const char* name : kNumbers)
        profile.features.push_back({.name = name, .factor = 3, .divisor = 2});
    const Rows<Row> rows(number_rows(), test::row_shape());
    const auto out = converted(rows, profile);
    ASSERT_EQ(out.size(), 3 * 4 * kNumbers.size());
    for (std::size_t c = 0; c < kNumbers.size(); ++c) {
        EXPECT_DOUBLE_EQ(out[c], kValues[c] * 1.5) << kNumbers[c];
        EXPECT_DOUBLE_EQ(out[2 * 4 * kNumbers.size() + c], kValues[c] * 1.5) << kNumbers[c];
    }
    for (std::size_t i = kNumbers.size(); i < 2 * 4 * kNumbers.size(); ++i)
        EXPECT_EQ(out[i], 0) << "packets that are not there, and a flow without packets";
}

TEST(Input, TakesBitsOutOfANumber) {
    const Rows<Row> rows(number_rows(), test::row_shape());
    const auto out =
        converted(rows, own_profile({{.name = "u16", .divisor = 1, .shift = 4, .mask = 0xff},
                                     {.name = "be32", .divisor = 1, .shift = 8},
                                     {.name = "s8", .divisor = 1, .mask = 6}}));
    EXPECT_EQ(out[0], (60000 >> 4) & 0xff);
    EXPECT_EQ(out[1], 0x010203);
    EXPECT_EQ(out[2], 6);
}

TEST(Input, PutsAConstantWhereTheProbeHasNoSuchFeature) {
    const Rows<Row> rows(number_rows(), test::row_shape());
    const auto out = converted(rows, own_profile({{.name = "ttl", .divisor = 128, .missing = 64},
                                                  {.name = "u8", .divisor = 1, .missing = 9}}));
    EXPECT_EQ(out[0], 0.5);
    EXPECT_EQ(out[1], 250) << "what is there counts";
    EXPECT_EQ(out[2], 0) << "but not of packets that are not there";
}

TEST(Input, CountsTimeToTheNanosecond) {
    auto rows = number_rows();
    rows[0].packets = 3;
    rows[0].packet[1].time = (1ULL << 63) - 2;
    rows[0].packet[2].time = (1ULL << 63) + 1;
    const auto out =
        converted(Rows<Row>(rows, test::row_shape()),
                  own_profile({{.name = "time", .encoding = Encoding::SinceFirst}}), 1s);
    EXPECT_DOUBLE_EQ(out[0], 2e-9);
    EXPECT_EQ(out[1], 0);
    EXPECT_DOUBLE_EQ(out[2], 3e-9);
}

TEST(Input, ConvertsAnyPartOfATableAndRowsThatAreScattered) {
    const Rows<DdosRow> rows(random_rows(40), ddos_shape());
    const auto all = converted(rows, profile_of("lucid11"));
    const auto input = Input::fit(rows.layout(), profile_of("lucid11"),
                                  {.packets = kDdosPackets, .features = 11}, 10s);
    ASSERT_TRUE(input.has_value());
    std::vector<double> part(5 * input->values());
    input->convert(rows.table(), {}, 17, part, Scale::Divided);
    EXPECT_TRUE(
        std::ranges::equal(part, std::span(all).subspan(17 * input->values(), part.size())));
    const std::vector<std::uint32_t> indices = {3, 39, 0, 12, 8};
    Table scattered = rows.table();
    scattered.indices = indices;
    scattered.rows = indices.size();
    input->convert(scattered, {}, 0, part, Scale::Divided);
    for (std::size_t i = 0; i < indices.size(); ++i)
        EXPECT_TRUE(std::ranges::equal(
            std::span(part).subspan(i * input->values(), input->values()),
            std::span(all).subspan(indices[i] * input->values(), input->values())));
    input->convert(rows.table(), {}, 40, std::span<float>());
}

}  // namespace
}  // namespace weir::model

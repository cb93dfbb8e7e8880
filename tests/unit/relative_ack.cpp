// SPDX-License-Identifier: Apache-2.0
// Acknowledgement numbers from where the other direction began, as tshark counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "model/input.h"
#include "support/model_input.h"

namespace weir::model {
namespace {

using namespace std::chrono_literals;
using test::converted;
using test::ddos_shape;
using test::DdosPacket;
using test::DdosRow;
using test::integer;
using test::kDdosPackets;
using test::own_profile;
using test::Rows;

constexpr std::uint16_t kSyn = 2;
constexpr std::uint16_t kAck = 16;

/// The same row, described otherwise: SYN and ACK are in the low byte.
bpf::MapShape with_narrow_flags(bpf::MapShape shape) {
    Type packet = *shape.value->members.back().type->element;
    for (test::Member& m : packet.members)
        if (m.name == "tcp_flags") m.type = integer(1);
    Type row = *shape.value;
    row.members.back().type = test::array(test::make(std::move(packet)), kDdosPackets);
    shape.value = test::make(std::move(row));
    return shape;
}

std::vector<double> acks_of(const std::vector<DdosPacket>& packets, bool has_sequence = true) {
    std::vector<DdosRow> rows(1);
    rows[0].head.packets = static_cast<std::uint32_t>(packets.size());
    std::ranges::copy(packets, rows[0].packet.begin());
    const Profile profile =
        own_profile({{.name = "tcp_ack", .encoding = Encoding::RelativeAck, .divisor = 1}});
    const Rows all(rows, has_sequence ? ddos_shape() : ddos_shape({"tcp_sequence"}));
    auto out = converted(all, profile);
    for (std::size_t j = 0; j < packets.size(); ++j)
        EXPECT_EQ(out[j], test::reference_ack(rows[0], j, has_sequence)) << "packet " << j;
    EXPECT_EQ(converted(Rows(rows, with_narrow_flags(all.shape())), profile), out)
        << "numbers of other widths are read another way";
    out.resize(packets.size());
    return out;
}

using Numbers = std::vector<double>;

TEST(RelativeAck, CountsFromTheOtherDirectionsSyn) {
    EXPECT_EQ(
        acks_of({{.tcp_sequence = 1000, .tcp_flags = kSyn},
                 {.tcp_ack = 1001, .tcp_sequence = 7, .tcp_flags = kSyn | kAck, .is_backward = 1},
                 {.tcp_ack = 8, .tcp_sequence = 1001, .tcp_flags = kAck},
                 {.tcp_ack = 1501, .tcp_sequence = 8, .tcp_flags = kAck, .is_backward = 1}}),
        (Numbers{0, 1, 1, 501}));
}

TEST(RelativeAck, CountsFromTheFirstOneInTheMiddleOfAConnection) {
    const std::vector<DdosPacket> packets = {
        {.tcp_ack = 5000, .tcp_sequence = 90, .tcp_flags = kAck},
        {.tcp_ack = 5400, .tcp_sequence = 100, .tcp_flags = kAck},
        {.tcp_ack = 95, .tcp_sequence = 5400, .tcp_flags = kAck, .is_backward = 1}};
    EXPECT_EQ(acks_of(packets), (Numbers{1, 401, 6}));
    EXPECT_EQ(acks_of(packets, false), (Numbers{1, 401, 1}));
}

TEST(RelativeAck, PassesTheEndOfTheNumbers) {
    EXPECT_EQ(acks_of({{.tcp_sequence = 0xffffffff, .tcp_flags = kSyn},
                       {.tcp_ack = 0, .tcp_flags = kAck, .is_backward = 1},
                       {.tcp_ack = 99, .tcp_flags = kAck, .is_backward = 1}}),
              (Numbers{0, 1, 100}));
    EXPECT_EQ(
        acks_of({{.tcp_ack = 0, .tcp_flags = kAck}, {.tcp_ack = 9, .tcp_flags = kAck}}, false),
        (Numbers{1, 10}));
}

TEST(RelativeAck, IsZeroForAPacketThatCameTooLateToKnow) {
    EXPECT_EQ(acks_of({{.tcp_ack = 5000, .tcp_flags = kAck}, {.tcp_ack = 4000, .tcp_flags = kAck}}),
              (Numbers{1, 0}));
    EXPECT_EQ(acks_of({{.tcp_sequence = 5000, .tcp_flags = kSyn},
                       {.tcp_ack = 4000, .tcp_flags = kAck, .is_backward = 1}}),
              (Numbers{0, 4294966296.0}))
        << "behind a SYN it is no acknowledgement of this connection, and tshark says so";
}

TEST(RelativeAck, LeavesANumberWithoutTheFlagAsItIs) {
    EXPECT_EQ(acks_of({{.tcp_ack = 800978182, .tcp_sequence = 4, .tcp_flags = kSyn},
                       {.tcp_ack = 77, .tcp_flags = 4}}),
              (Numbers{800978182, 77}));
}

TEST(RelativeAck, SaysWhatTheProbeLacks) {
    for (const char* name : {"tcp_flags", "is_backward"}) {
        const Rows<DdosRow> rows({}, ddos_shape({name}));
        const auto input = Input::fit(
            rows.layout(), own_profile({{.name = "tcp_ack", .encoding = Encoding::RelativeAck}}),
            {.packets = kDdosPackets, .features = 1}, 10s);
        ASSERT_FALSE(input.has_value());
        EXPECT_EQ(input.error().code, Errc::Rejected);
        EXPECT_NE(input.error().message.find(name), std::string::npos) << input.error().message;
        EXPECT_NE(input.error().hint.find("ack=raw"), std::string::npos);
    }
}

}  // namespace
}  // namespace weir::model

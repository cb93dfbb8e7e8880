// SPDX-License-Identifier: Apache-2.0
// A probe, a profile and a model that do not go together.
#include <gtest/gtest.h>

#include "model/input.h"
#include "support/model_input.h"

namespace weir::model {
namespace {

using namespace std::chrono_literals;
using test::ddos_shape;
using test::DdosRow;
using test::integer;
using test::member;
using test::own_profile;
using test::profile_of;
using test::Rows;

std::string misfit(const FlowLayout& layout, const Profile& profile, const InputShape& shape) {
    const auto input = Input::fit(layout, profile, shape, 10s);
    if (input) return "it fits";
    EXPECT_EQ(input.error().code, Errc::Rejected);
    return input.error().message + " | " + input.error().hint;
}

void expect_words(const std::string& text, const std::vector<std::string>& words) {
    for (const auto& word : words)
        EXPECT_NE(text.find(word), std::string::npos) << word << ": " << text;
}

TEST(Misfit, ShowsBothShapesAndTheNames) {
    const Rows<DdosRow> rows({}, ddos_shape());
    expect_words(misfit(rows.layout(), profile_of("lucid11"), {.packets = 10, .features = 6}),
                 {"[10, 6]", "[10, 11]", "lucid11", "time, ip_length, application"});
    expect_words(misfit(rows.layout(), profile_of("lucid6"), {.packets = 20, .features = 6}),
                 {"[20, 6]", "[10, 6]", "packets_per_flow=20"});
}

TEST(Misfit, NamesEveryFeatureThatTheProbeLacks) {
    const Rows<DdosRow> rows({}, ddos_shape({"time", "icmp_type", "application"}));
    expect_words(misfit(rows.layout(), profile_of("lucid11"), {.packets = 10, .features = 11}),
                 {"time, application, application, icmp_type", "the probe has tcp_ack"});
}

TEST(Misfit, IsANumberThatTheEncodingCannotRead) {
    const Rows<test::Row> rows({}, test::row_shape());
    const auto one = [&](ProfileFeature feature) {
        return misfit(rows.layout(), own_profile({std::move(feature)}),
                      {.packets = 4, .features = 1});
    };
    expect_words(one({.name = "bits"}), {"bits", "1, 2, 4 or 8 bytes"});
    expect_words(one({.name = "f32", .shift = 1}), {"f32", "no whole number"});
    expect_words(one({.name = "f64", .encoding = Encoding::IpFlags}), {"f64", "no whole number"});
    expect_words(one({.name = "u32", .encoding = Encoding::SinceFirst}),
                 {"u32 is no time", "WEIR_FEATURE(\"ns\")"});
}

TEST(Misfit, IsAKeyWithoutAProtocol) {
    const auto key = test::structure("key", sizeof(test::FlowKey), {member("id", 0, integer(4))});
    const Rows<DdosRow> rows({}, ddos_shape({}, key));
    expect_words(misfit(rows.layout(), profile_of("lucid11"), {.packets = 10, .features = 11}),
                 {"protocol", "key"});
}

TEST(InputShape, IsLucidsWithOrWithoutAChannel) {
    const auto shape = [](std::vector<std::int64_t> dimensions) {
        const auto made = input_shape(dimensions);
        if (made) return std::to_string(made->packets) + "x" + std::to_string(made->features);
        EXPECT_EQ(made.error().code, Errc::Rejected);
        return made.error().message;
    };
    EXPECT_EQ(shape({10, 11, 1}), "10x11");
    EXPECT_EQ(shape({10, 11}), "10x11");
    EXPECT_EQ(shape({5, 1}), "5x1");
    EXPECT_NE(shape({12}).find("[12]"), std::string::npos);
    EXPECT_NE(shape({10, 11, 3}).find("[10, 11, 3]"), std::string::npos);
    EXPECT_NE(shape({1, 10, 11, 1}).find("[1, 10, 11, 1]"), std::string::npos);
    EXPECT_NE(shape({}).find("[]"), std::string::npos);
    EXPECT_NE(shape({-1, 11}).find("[-1, 11]"), std::string::npos);
}

}  // namespace
}  // namespace weir::model

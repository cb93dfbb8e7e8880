// SPDX-License-Identifier: Apache-2.0
#include "probe/settings.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "support/live_traffic.h"
#include "util/file.h"

namespace weir {
namespace {

using bpf::Type;

Type integer(std::uint32_t bytes, bool is_signed) {
    return {
        .kind = Type::Kind::Integer, .name = "int", .size_bytes = bytes, .is_signed = is_signed};
}

/// What the value's bytes hold after parsing, as a number; the error's message where it is refused.
template <class T>
std::string parsed(const std::string& text, const Type& type) {
    T value{};
    const auto done = parse_value(text, type, std::as_writable_bytes(std::span(&value, 1)));
    return done ? std::to_string(value) : "refused: " + done.error().message;
}

bool is_refused(const std::string& text, const Type& type) {
    std::uint64_t untouched = 0;
    const auto done = parse_value(text, type, std::as_writable_bytes(std::span(&untouched, 1)));
    EXPECT_EQ(untouched, 0U) << text << " was written although it was refused";
    return !done && done.error().code == Errc::Invalid;
}

TEST(Setting, TakesDecimalHexadecimalAndUnits) {
    const Type u32 = integer(4, false);
    EXPECT_EQ(parsed<std::uint32_t>("65536", u32), "65536");
    EXPECT_EQ(parsed<std::uint32_t>("0x10", u32), "16");
    EXPECT_EQ(parsed<std::uint32_t>("64k", u32), "65536");
    EXPECT_EQ(parsed<std::uint32_t>("64K", u32), "65536");
    EXPECT_EQ(parsed<std::uint32_t>("2M", u32), "2097152");
    EXPECT_EQ(parsed<std::uint32_t>("1G", u32), "1073741824");
    EXPECT_EQ(parsed<std::uint64_t>("8G", integer(8, false)), "8589934592");
}

TEST(Setting, ReachesTheEndsOfEachRangeAndNotBeyond) {
    EXPECT_EQ(parsed<std::uint8_t>("255", integer(1, false)), "255");
    EXPECT_TRUE(is_refused("256", integer(1, false)));
    EXPECT_EQ(parsed<std::int8_t>("-128", integer(1, true)), "-128");
    EXPECT_TRUE(is_refused("-129", integer(1, true)));
    EXPECT_EQ(parsed<std::int8_t>("127", integer(1, true)), "127");
    EXPECT_TRUE(is_refused("128", integer(1, true)));
    EXPECT_EQ(parsed<std::uint64_t>("18446744073709551615", integer(8, false)),
              "18446744073709551615");
    EXPECT_TRUE(is_refused("18446744073709551616", integer(8, false)));
    EXPECT_EQ(parsed<std::int64_t>("-9223372036854775808", integer(8, true)),
              "-9223372036854775808");
    EXPECT_TRUE(is_refused("9223372036854775808", integer(8, true)));
    EXPECT_TRUE(is_refused("-1", integer(4, false)));
    EXPECT_TRUE(is_refused("99999999999G", integer(8, false)));
}

TEST(Setting, WritesNoByteBesideItsOwn) {
    std::uint8_t bytes[3] = {0xaa, 0, 0xaa};
    ASSERT_TRUE(
        parse_value("7", integer(1, false), std::as_writable_bytes(std::span(&bytes[1], 1))));
    EXPECT_EQ(bytes[0], 0xaa);
    EXPECT_EQ(bytes[1], 7);
    EXPECT_EQ(bytes[2], 0xaa);
}

TEST(Setting, RefusesWhatIsNoNumber) {
    for (const char* text : {"", "-", "abc", "12x", "1.5", "k", "1kk", "0x", " 1", "1 ", "+1"})
        EXPECT_TRUE(is_refused(text, integer(4, true))) << "'" << text << "'";
}

TEST(Setting, TakesBooleansByNameAndNumber) {
    const Type boolean{.kind = Type::Kind::Bool, .name = "bool", .size_bytes = 1};
    EXPECT_EQ(parsed<std::uint8_t>("true", boolean), "1");
    EXPECT_EQ(parsed<std::uint8_t>("false", boolean), "0");
    EXPECT_EQ(parsed<std::uint8_t>("1", boolean), "1");
    EXPECT_TRUE(is_refused("2", boolean));
}

TEST(Setting, TakesFloats) {
    const Type f64{.kind = Type::Kind::Float, .name = "double", .size_bytes = 8};
    EXPECT_EQ(parsed<double>("2.5", f64), std::to_string(2.5));
    EXPECT_TRUE(is_refused("2.5x", f64));
}

TEST(Setting, RefusesTypesThatAreNoNumbers) {
    const Type record{.kind = Type::Kind::Struct, .name = "flow", .size_bytes = 8};
    EXPECT_TRUE(is_refused("1", record));
}

class Settings : public ::testing::Test {
protected:
    Settings() {  // `slow`: const volatile __u32 rounds = 100000, and an ARRAY `counted`
        auto elf = read_bytes(test::fixture_path("slow"));
        EXPECT_TRUE(elf.has_value()) << elf.error().message;
        auto object = bpf::Object::open(*elf, "slow");
        EXPECT_TRUE(object.has_value()) << object.error().message;
        object_.emplace(std::move(*object));
    }
    Result<> apply(const std::string& target, const std::string& value) {
        const Setting one{.target = target, .value = value};
        return apply_settings(*object_, {&one, 1});
    }
    std::optional<bpf::Object> object_;
};

TEST_F(Settings, ChangeAParameterInTheImage) {
    const auto done = apply("rounds", "3k");
    ASSERT_TRUE(done.has_value()) << done.error().message;
    std::uint32_t value = 0;
    std::memcpy(&value, object_->constant("rounds")->bytes.data(), sizeof(value));
    EXPECT_EQ(value, 3072U);
}

TEST_F(Settings, ChangeTheSizeOfAMap) {
    ASSERT_TRUE(apply("counted.max_entries", "64k").has_value());
    EXPECT_EQ(object_->find_map("counted")->shape.max_entries, 65536U);
}

TEST_F(Settings, NameWhatThereIsWhenTheParameterIsNot) {
    const auto done = apply("round", "1");
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Errc::Invalid);
    EXPECT_EQ(done.error().message, "--set round=1: the probe has no parameter round");
    EXPECT_EQ(done.error().hint, "parameters: rounds");
}

TEST_F(Settings, RefuseSizesThatNoMapCanHave) {
    for (const char* value : {"0", "-1", "8G", "many", "1.5"})
        EXPECT_FALSE(apply("counted.max_entries", value).has_value()) << value;
    EXPECT_FALSE(apply("nothing.max_entries", "1").has_value());
    EXPECT_EQ(object_->find_map("counted")->shape.max_entries, 1U);
}

TEST_F(Settings, DoNotReachWhatIsWeirsOwn) {
    EXPECT_FALSE(apply("weir_counter", "1").has_value());
    EXPECT_FALSE(apply("weir_chain.max_entries", "1").has_value());
}

TEST_F(Settings, KnowNoFlowsInAProbeWithoutATensor) {
    for (const char* name : {"max_flows", "packets_per_flow"}) {
        const auto done = apply(name, "10");
        ASSERT_FALSE(done.has_value());
        EXPECT_TRUE(done.error().message.contains("no parameter " + std::string(name)));
        EXPECT_EQ(done.error().hint, "parameters: rounds");
    }
}

/// The shipped probe `ddos`, whose tensor has 65,536 flows of 10 packets.
class FlowSettings : public ::testing::Test {
protected:
    FlowSettings() {
        auto elf = read_bytes(WEIR_BUILD_DIR "/share/weir/probes/ddos.bpf.o");
        EXPECT_TRUE(elf.has_value()) << elf.error().message;
        auto object = bpf::Object::open(*elf, "ddos");
        EXPECT_TRUE(object.has_value()) << object.error().message;
        object_.emplace(std::move(*object));
    }
    Result<> apply(const std::vector<Setting>& settings) {
        return apply_settings(*object_, settings);
    }
    [[nodiscard]] const bpf::MapShape& flows() { return object_->find_map("flows")->shape; }
    [[nodiscard]] const bpf::MapShape& heads() {
        return object_->find_map("weir_heads_flows")->shape;
    }
    /// max_flows, slot_mask and packets_per_flow, as the program will see them.
    std::vector<std::uint32_t> limits() {
        std::vector<std::uint32_t> words(3);
        const auto bytes = object_->constant("weir_limits_flows")->bytes;
        EXPECT_EQ(bytes.size(), 12U);
        std::memcpy(words.data(), bytes.data(), 12);
        return words;
    }
    std::optional<bpf::Object> object_;
};

TEST_F(FlowSettings, SayHowManyFlowsFitWithoutASetting) {
    ASSERT_TRUE(apply({}).has_value());
    EXPECT_EQ(flows().max_flows, 65536U);
    EXPECT_EQ(flows().max_entries, 65536U);
    EXPECT_EQ(heads().max_entries, 131073U);
    EXPECT_EQ(limits(), (std::vector<std::uint32_t>{65536, 131071, 10}));
}

TEST_F(FlowSettings, SetSlotsToTheNextPowerOfTwoFromTwiceTheFlows) {
    const std::pair<const char*, std::vector<std::uint32_t>> cases[] = {
        {"1", {1, 1, 10}},
        {"2", {2, 3, 10}},
        {"3", {3, 7, 10}},
        {"100", {100, 255, 10}},
        {"1k", {1024, 2047, 10}},
        {"1025", {1025, 4095, 10}},
        {"1M", {1U << 20, (1U << 21) - 1, 10}},
        {"64M", {1U << 26, (1U << 27) - 1, 10}}};
    for (const auto& [text, expected] : cases) {
        const auto done = apply({{.target = "max_flows", .value = text}});
        ASSERT_TRUE(done.has_value()) << done.error().message;
        EXPECT_EQ(limits(), expected) << text;
        EXPECT_EQ(flows().max_entries, expected[0]) << text;
        EXPECT_EQ(heads().max_entries, expected[1] + 2) << text << ": one behind the slots";
        EXPECT_EQ(flows().max_flows, expected[0]) << text;
    }
}

TEST_F(FlowSettings, SetThePacketsAtTheEndOfARow) {
    const std::uint32_t head = flows().value_bytes - 10 * 32;  // struct ddos_packet: 32 bytes
    for (const auto& [text, packets] : {std::pair{"1", 1U}, {"100", 100U}, {"1k", 1024U}}) {
        const auto done = apply({{.target = "packets_per_flow", .value = text}});
        ASSERT_TRUE(done.has_value()) << done.error().message;
        EXPECT_EQ(flows().value_bytes, head + packets * 32) << text;
        EXPECT_EQ(flows().value->members.back().type->count, packets);
        EXPECT_EQ(limits()[2], packets);
        EXPECT_EQ(limits()[0], 65536U) << "untouched";
    }
}

TEST_F(FlowSettings, RefuseSizesOutOfRangeAndNameThem) {
    const auto refused = [&](const char* target, const char* value) {
        const auto done = apply({{.target = target, .value = value}});
        EXPECT_FALSE(done.has_value()) << target << "=" << value;
        return done ? Error{} : done.error();
    };
    for (const char* value : {"0", "-5", "x", "65M", "4G"})
        EXPECT_EQ(refused("max_flows", value).code, Errc::Invalid);
    for (const char* value : {"0", "1025k", "10.0"})
        EXPECT_EQ(refused("packets_per_flow", value).code, Errc::Invalid);
    EXPECT_TRUE(refused("max_flows", "65M").message.contains("1 to 67108864"));
    const Error slots = refused("flows.max_entries", "64");
    EXPECT_EQ(slots.code, Errc::Invalid);
    EXPECT_EQ(slots.hint, "set max_flows instead");
    EXPECT_TRUE(refused("max_flow", "1").hint.starts_with("parameters: max_flows, packets_per"));
}

TEST(OwnSettings, AreThereForProbesThatSendMessages) {
    const auto elf = read_bytes(test::fixture_path("log"));
    ASSERT_TRUE(elf.has_value());
    auto object = bpf::Object::open(*elf, "log");
    ASSERT_TRUE(object.has_value()) << object.error().message;
    const std::vector<Setting> settings = {{.target = "log_rate", .value = "2k"},
                                           {.target = "log_level", .value = "40"}};
    const auto done = apply_settings(*object, settings);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    std::map<std::string, std::uint32_t> values;
    for (const Parameter& parameter : own_parameters(*object))
        std::memcpy(&values[parameter.name], parameter.constant.bytes.data(),
                    sizeof(std::uint32_t));
    EXPECT_EQ(values,
              (std::map<std::string, std::uint32_t>{{"log_rate", 2048}, {"log_level", 40}}));
    for (const char* name : {"weir_log_rate", "log_rat"}) {
        const std::vector<Setting> wrong = {{.target = name, .value = "1"}};
        const auto refused = apply_settings(*object, wrong);
        ASSERT_FALSE(refused.has_value()) << name;
        EXPECT_EQ(refused.error().hint, "parameters: log_rate, log_level");
    }
}

}  // namespace
}  // namespace weir

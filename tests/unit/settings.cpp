// SPDX-License-Identifier: Apache-2.0
#include "probe/settings.h"

#include <gtest/gtest.h>

#include <cstring>

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
    EXPECT_FALSE(apply("weir_slot", "1").has_value());
    EXPECT_FALSE(apply("weir_chain.max_entries", "1").has_value());
}

}  // namespace
}  // namespace weir

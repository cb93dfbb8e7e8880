// SPDX-License-Identifier: Apache-2.0
// Values are built natively with the same structs that the BTF comes from; the JSON is written by
// hand.
#include "table/render.h"

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "fixtures/table/types.h"
#include "table/scan.h"
#include "table_fixture.h"

namespace weir::table {
namespace {

using bpf::Type;
using bpf::TypePtr;

template <class T>
const std::byte* bytes_of(const T& value) {
    return reinterpret_cast<const std::byte*>(&value);  // SAFETY: any object may be viewed as bytes
}

template <class T>
std::string json_of(const std::string& name, const T& value) {
    std::string out;
    append_json(out, *test::fixture_type(name, BTF_KIND_STRUCT), bytes_of(value));
    EXPECT_TRUE(nlohmann::json::accept(out)) << out;
    return out;
}

template <class T>
std::string text_of(const std::string& name, const T& value) {
    std::string out;
    append_text(out, *test::fixture_type(name, BTF_KIND_STRUCT), bytes_of(value));
    return out;
}

TEST(Render, WritesScalarsExactly) {
    scalars v{};
    v.s8 = -128;
    v.u8 = 255;
    v.s16 = -32768;
    v.u16 = 65535;
    v.s32 = std::numeric_limits<int>::min();
    v.u32 = 4294967295U;
    v.s64 = std::numeric_limits<std::int64_t>::min();
    v.u64 = std::numeric_limits<std::uint64_t>::max();
    v.yes = true;
    v.letter = 'A';
    v.single = 0.1F;
    v.number = 0.1;
    v.pointer = reinterpret_cast<const void*>(0xffff88800000beefULL);
    EXPECT_EQ(json_of("scalars", v),
              R"({"s8":-128,"u8":255,"s16":-32768,"u16":65535,"s32":-2147483648,"u32":4294967295,)"
              R"("s64":-9223372036854775808,"u64":18446744073709551615,"yes":true,"letter":65,)"
              R"("single":0.1,"number":0.1,"pointer":"0xffff88800000beef"})");
}

TEST(Render, WritesFloatsThatAreNoNumbersAsNull) {
    scalars v{};
    v.single = std::numeric_limits<float>::infinity();
    v.number = std::nan("");
    const auto json = nlohmann::json::parse(json_of("scalars", v));
    EXPECT_TRUE(json["single"].is_null());
    EXPECT_TRUE(json["number"].is_null());
}

TEST(Render, WritesDoublesSoThatTheyReadBackTheSame) {
    for (const double number : {1.0 / 3, 1e300, 5e-324, -0.0, 123456789012345680.0, 1.0}) {
        scalars v{};
        v.number = number;
        const auto json = nlohmann::json::parse(json_of("scalars", v));
        EXPECT_EQ(json["number"].get<double>(), number);
    }
}

TEST(Render, Writes128BitsAsDecimalText) {
    huge v{};
    v.s128 = static_cast<__int128>(1) << 127;
    v.u128 = ~static_cast<unsigned __int128>(0);
    EXPECT_EQ(json_of("huge", v), R"({"s128":"-170141183460469231731687303715884105728",)"
                                  R"("u128":"340282366920938463463374607431768211455"})");
    v.s128 = -1;
    v.u128 = static_cast<unsigned __int128>(1'000'000'000'000'000'000);
    EXPECT_EQ(json_of("huge", v), R"({"s128":"-1","u128":"1000000000000000000"})");
}

TEST(Render, WritesEnumsByNameAndStrangersAsNumbers) {
    const enums v{.verdict = VERDICT_DROP,
                  .level = LEVEL_LOW,
                  .tiny = TINY_ALL,
                  .wide = WIDE_BIG,
                  .unknown = static_cast<verdict>(3)};
    EXPECT_EQ(
        json_of("enums", v),
        R"({"verdict":"VERDICT_DROP","level":"LEVEL_LOW","tiny":"TINY_ALL","wide":"WIDE_BIG",)"
        R"("unknown":3})");
    EXPECT_EQ(text_of("enums", v), "{verdict: DROP, level: LOW, tiny: ALL, wide: BIG, unknown: 3}")
        << "in text without what all names of the enum begin with";
}

TEST(Render, WritesNetworkTypesAsPeopleDo) {
    network v{};
    v.port = htons(443);
    v.saddr = inet_addr("10.0.0.1");
    v.old_style.s_addr = inet_addr("255.255.255.255");
    v.posix = inet_addr("192.168.50.7");
    ASSERT_EQ(inet_pton(AF_INET6, "2001:db8::1", &v.peer), 1);
    const unsigned char mac[6] = {2, 0, 0, 0, 0xab, 1};
    std::memcpy(v.mac, mac, sizeof(mac));
    ASSERT_EQ(inet_pton(AF_INET, "172.16.0.5", v.src_ip), 1);
    ASSERT_EQ(inet_pton(AF_INET6, "fe80::1", v.dst_addr6), 1);
    ASSERT_EQ(inet_pton(AF_INET6, "::ffff:1.2.3.4", v.daddr6), 1);
    v.blob[15] = 9;
    v.zip[0] = 1;
    v.cookie = htobe64(0x0102030405060708ULL);
    EXPECT_EQ(json_of("network", v),
              R"({"port":443,"saddr":"10.0.0.1","old_style":"255.255.255.255",)"
              R"("posix":"192.168.50.7","peer":"2001:db8::1","mac":"02:00:00:00:ab:01",)"
              R"("src_ip":"172.16.0.5","dst_addr6":"fe80::1","daddr6":"::ffff:1.2.3.4",)"
              R"("blob":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,9],"zip":[1,0,0,0],)"
              R"("cookie":72623859790382856})");
}

TEST(Render, WritesTextUpToItsFirstNulAndNoFurtherThanItsArray) {
    texts v{};
    std::memcpy(v.name, "eth0\0xx", 7);
    std::memcpy(v.full, "abcd", 4);
    std::memcpy(v.lines[0], "a\"\\\n", 4);
    std::memcpy(v.lines[1], "\x1b\xc3\xa9\0", 4);
    v.bytes[0] = 'A';
    v.deltas[1] = -1;
    EXPECT_EQ(json_of("texts", v), R"({"name":"eth0","full":"abcd","lines":["a\"\\\n","\u001b)"
                                   "\xc3\xa9"
                                   R"("],"bytes":[65,0,0],"deltas":[0,-1]})");
}

TEST(Render, ReplacesWhatIsNoUtf8) {
    const char* const bad[] = {"\xff",         "\xc0\x80",         "\xe0\x80\x80",
                               "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3"};
    for (const char* text : bad) {
        std::string out;
        append_json_string(out, text);
        ASSERT_TRUE(nlohmann::json::accept(out)) << out;
        EXPECT_TRUE(out.starts_with("\"\xef\xbf\xbd")) << out;
    }
    std::string good;
    append_json_string(good, "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a");
    EXPECT_EQ(good, "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a\"");
}

TEST(Render, GivesAnonymousMembersToTheParent) {
    nested v{};
    v.at = {.x = -1, .y = 2};
    v.hidden = 3;
    v.word = 0x04030201;
    v.either.whole = 0x10002;
    v.corners[1].x = 7;
    v.grid[1][2] = 9;
    const_cast<counters_t&>(v.total) = {.packets = 5, .bytes = 6};
    EXPECT_EQ(json_of("nested", v),
              R"({"at":{"x":-1,"y":2},"hidden":3,"word":67305985,"octets":[1,2,3,4],)"
              R"("either":{"whole":65538,"half":2},"corners":[{"x":0,"y":0},{"x":7,"y":0}],)"
              R"("grid":[[0,0,0],[0,0,9]],"total":{"packets":5,"bytes":6}})");
}

TEST(Render, ReadsBitfieldsWhereTheCompilerPutsThem) {
    flags v{};
    v.low = 5;
    v.minus = -3;
    v.across = 0x2aaaaaaa;
    v.choice = VERDICT_DROP;
    v.wide = 0x1fffffffffffffffULL;
    v.on = true;
    EXPECT_EQ(json_of("flags", v),
              R"({"low":5,"minus":-3,"across":715827882,"choice":"VERDICT_DROP",)"
              R"("wide":2305843009213693951,"on":true})");
    packed p{};
    p.head = 1;
    p.middle = 0xdeadbeef;
    p.tail = 0x8000000000000000ULL;
    p.bits = 257;
    EXPECT_EQ(json_of("packed", p),
              R"({"head":1,"middle":3735928559,"tail":9223372036854775808,"bits":257})");
}

TEST(Render, ReadsABitfieldThatLiesInSeventeenBytes) {
    const auto wide = std::make_shared<Type>(Type{.kind = Type::Kind::Integer, .size_bytes = 16});
    const Type type{.kind = Type::Kind::Struct,
                    .size_bytes = 17,
                    .members = {{.name = "x", .bit_offset = 7, .bit_size = 125, .type = wide}}};
    std::vector<std::byte> bytes(17, std::byte{0xff});
    std::string out;
    append_json(out, type, bytes.data());
    EXPECT_EQ(out, R"({"x":"42535295865117307932921825928971026431"})");
    bytes[16] = std::byte{0};
    out.clear();
    append_json(out, type, bytes.data());
    EXPECT_EQ(out, R"({"x":"2658455991569831745807614120560689151"})");
}

TEST(Render, WritesBytesWithoutATypeAsHex) {
    const unsigned char raw[3] = {0x00, 0xff, 0x1a};
    std::string out;
    append_json(out, *bpf::opaque_type(3), bytes_of(raw));
    EXPECT_EQ(out, R"("00ff1a")");
}

TEST(Render, WritesTextBareAndSafeForATerminal) {
    texts v{};
    std::memcpy(v.name, "a b\x1b[1m", 7);
    std::memcpy(v.full,
                "\xc2\x9b"
                "x",
                3);
    EXPECT_EQ(
        text_of("texts", v),
        "{name: a b\\x1b[1m, full: \xef\xbf\xbdx, lines: [, ], bytes: [0, 0, 0], deltas: [0, 0]}");
    const point p{.x = 1, .y = -2};
    EXPECT_EQ(text_of("point", p), "{x: 1, y: -2}");
}

TEST(Scan, FindsEveryEntryThatHoldsAnyBit) {
    constexpr std::size_t kCount = 3000;
    for (const std::size_t stride : {8U, 16U, 24U, 40U, 72U}) {
        std::vector<std::byte> entries(kCount * stride);
        std::vector<std::uint32_t> expected;
        for (std::uint32_t i = 0; i < kCount; i += 1 + i % 7) {
            entries[i * stride + i % stride] = std::byte{1};
            expected.push_back(i);
        }
        std::vector<std::uint32_t> found = {99};
        find_entries(entries.data(), stride, kCount, found);
        EXPECT_EQ(found, expected) << "stride " << stride;
    }
}

TEST(Scan, SeesAByteAtAnyPlace) {
    for (std::size_t bytes = 1; bytes < 80; ++bytes) {
        std::vector<std::byte> buffer(bytes);
        EXPECT_TRUE(is_all_zero(buffer.data(), bytes));
        for (std::size_t i = 0; i < bytes; ++i) {
            buffer[i] = std::byte{128};
            EXPECT_FALSE(is_all_zero(buffer.data(), bytes)) << i << " of " << bytes;
            buffer[i] = std::byte{0};
        }
    }
}

}  // namespace
}  // namespace weir::table

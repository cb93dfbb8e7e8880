// SPDX-License-Identifier: Apache-2.0
// WEIR_ROW: every member that is named is compared, with its place, as many as there may be.
#include "weir/view.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

namespace weir::test {

struct One {
    std::uint16_t alone;
};

struct Twenty {
    std::uint64_t a, b;
    std::uint32_t c, d, e, f;
    std::uint16_t g, h, i, j;
    std::uint8_t k, l, m, n, o, p, q, r, s, t;
};

struct TwentyFour {
    std::uint32_t a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
};

}  // namespace weir::test

WEIR_ROW(weir::test::One, alone);
WEIR_ROW(weir::test::Twenty, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
WEIR_ROW(weir::test::TwentyFour, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
         w, x);

namespace weir::test {
namespace {

/// A struct of the probe with unsigned members, one behind the other.
Type probe_struct(std::initializer_list<std::pair<char, std::uint32_t>> members) {
    Type type{.kind = Type::Kind::Struct, .name = "theirs"};
    for (const auto& [name, bytes] : members) {
        type.members.push_back({.name = std::string(1, name),
                                .bit_offset = type.size_bytes * 8,
                                .type = std::make_shared<Type>(
                                    Type{.kind = Type::Kind::Integer, .size_bytes = bytes})});
        type.size_bytes += bytes;
    }
    return type;
}

Type twenty() {
    Type type = probe_struct({{'a', 8}, {'b', 8}, {'c', 4}, {'d', 4}, {'e', 4}, {'f', 4}, {'g', 2},
                              {'h', 2}, {'i', 2}, {'j', 2}, {'k', 1}, {'l', 1}, {'m', 1}, {'n', 1},
                              {'o', 1}, {'p', 1}, {'q', 1}, {'r', 1}, {'s', 1}, {'t', 1}});
    type.size_bytes = sizeof(Twenty);  // padded to the alignment of its widest member
    return type;
}

TEST(Row, HasEveryMemberInItsOrder) {
    EXPECT_EQ(RowMembers<One>::kAll.size(), 1);
    EXPECT_EQ(RowMembers<One>::kAll[0].name, "alone");
    EXPECT_EQ(RowMembers<One>::kAll[0].bytes, 2);
    ASSERT_EQ(RowMembers<Twenty>::kAll.size(), 20);
    ASSERT_EQ(RowMembers<TwentyFour>::kAll.size(), 24);
    for (std::size_t i = 0; i < 24; ++i) {
        const RowMember& member = RowMembers<TwentyFour>::kAll.at(i);
        EXPECT_EQ(member.name, std::string(1, static_cast<char>('a' + i)));
        EXPECT_EQ(member.offset, i * 4);
        EXPECT_EQ(member.bytes, 4);
    }
}

TEST(Row, OfTwentyMembersFitsTheSameStruct) { EXPECT_EQ(misfit<Twenty>(twenty()), ""); }

TEST(Row, OfTwentyMembersNamesTheOneThatDoesNotFit) {
    for (std::size_t i = 0; i < 20; ++i) {
        const std::string name = twenty().members[i].name;
        Type renamed = twenty();
        renamed.members[i].name = "other";
        EXPECT_EQ(misfit<Twenty>(renamed), "the probe's theirs has no member " + name);
        Type moved = twenty();
        moved.members[i].bit_offset += 8;
        EXPECT_TRUE(misfit<Twenty>(moved).starts_with(name + " lies at ")) << misfit<Twenty>(moved);
    }
}

}  // namespace
}  // namespace weir::test

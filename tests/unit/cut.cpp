// SPDX-License-Identifier: Apache-2.0
#include "engine/cut.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr Nanoseconds kStart = 1'000'000'007;
constexpr Nanoseconds kPeriod = 100;

TEST(WindowCut, EndsAFixedWindowAtTheGridPoint) {
    const WindowCut cut(WindowRule::Fixed, kPeriod, kStart);
    EXPECT_FALSE(cut.is_over(kStart));
    EXPECT_FALSE(cut.is_over(kStart + 99));
    EXPECT_TRUE(cut.is_over(kStart + 100));
    EXPECT_EQ(cut.end(), kStart + 100);
}

TEST(WindowCut, EndsLucidsWindowAfterItsLastInstant) {
    const WindowCut cut(WindowRule::Lucid, kPeriod, kStart);
    EXPECT_FALSE(cut.is_over(kStart + 100));
    EXPECT_TRUE(cut.is_over(kStart + 101));
}

TEST(WindowCut, LeavesAnEarlierPacketInTheOpenWindow) {
    for (const WindowRule rule : {WindowRule::Fixed, WindowRule::Lucid})
        EXPECT_FALSE(WindowCut(rule, kPeriod, kStart).is_over(0));
}

TEST(WindowCut, KeepsToTheGridWhateverThePacket) {
    WindowCut cut(WindowRule::Fixed, kPeriod, kStart);
    EXPECT_EQ(cut.advance(kStart + 199), 0U);
    EXPECT_EQ(cut.start(), kStart + 100);
    EXPECT_EQ(cut.advance(kStart + 550), 3U);
    EXPECT_EQ(cut.start(), kStart + 500);
    EXPECT_EQ(cut.advance(kStart + 600), 0U);
    EXPECT_EQ(cut.start(), kStart + 600);
}

TEST(WindowCut, StartsLucidsWindowAtThePacket) {
    WindowCut cut(WindowRule::Lucid, kPeriod, kStart);
    EXPECT_EQ(cut.advance(kStart + 12'345), 0U);
    EXPECT_EQ(cut.start(), kStart + 12'345);
    EXPECT_EQ(cut.end(), kStart + 12'445);
}

TEST(WindowCut, CountsTheEmptyWindowsOfTwoCenturies) {
    constexpr Nanoseconds kSecond = 1'000'000'000;
    WindowCut cut(WindowRule::Fixed, kSecond, 0);
    EXPECT_EQ(cut.advance(9'000'000'000 * kSecond + 5), 8'999'999'999U);
    EXPECT_EQ(cut.start(), 9'000'000'000 * kSecond);
}

}  // namespace
}  // namespace weir

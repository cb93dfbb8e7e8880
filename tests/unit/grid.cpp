// SPDX-License-Identifier: Apache-2.0
#include "engine/grid.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr Nanoseconds kStart = 5'000'000'123;
constexpr Nanoseconds kPeriod = 100'000'000;

TEST(Grid, BeginsAtPointZero) {
    const Grid grid(kStart, kPeriod);
    EXPECT_EQ(grid.point_at(kStart), 0);
    EXPECT_EQ(grid.point_at(kStart + kPeriod - 1), 0);
}

TEST(Grid, ReachesAPointExactlyAPeriodAfterTheLast) {
    const Grid grid(kStart, kPeriod);
    EXPECT_EQ(grid.point_at(kStart + kPeriod), 1);
    EXPECT_EQ(grid.point_at(kStart + 2 * kPeriod - 1), 1);
    EXPECT_EQ(grid.point_at(kStart + 2 * kPeriod), 2);
}

TEST(Grid, DoesNotDriftInAYear) {
    constexpr Nanoseconds kOdd = 333'333'337;
    constexpr std::int64_t kPoints = 94'608'000;  // a year of them
    const Grid grid(kStart, kOdd);
    EXPECT_EQ(grid.point_at(kStart + kPoints * kOdd), kPoints);
    EXPECT_EQ(grid.point_at(kStart + kPoints * kOdd - 1), kPoints - 1);
}

TEST(Grid, CallsAWindowThatClosesAtItsNextPointOnTime) { EXPECT_EQ(Grid::late(7, 8), 0U); }

TEST(Grid, CountsThePointsThatPassedBeforeAWindowCouldClose) {
    EXPECT_EQ(Grid::late(7, 9), 1U);
    EXPECT_EQ(Grid::late(0, 100), 99U);
}

TEST(Grid, CallsAWindowThatAStopClosesEarlyOnTime) { EXPECT_EQ(Grid::late(7, 7), 0U); }

}  // namespace
}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
// From scores of benign flows to a threshold.
#include "cli/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace weir::cli {
namespace {

Window window_of(const std::vector<float>& scores, double seconds, double threshold = 0.5) {
    Window window;
    window.start_ns = 1'000'000'000;
    window.end_ns = window.start_ns + static_cast<std::int64_t>(seconds * 1e9);
    window.detection = Detection{.threshold = threshold, .scores = scores};
    return window;
}

std::size_t above(const std::vector<float>& scores, double threshold) {
    return static_cast<std::size_t>(
        std::ranges::count_if(scores, [&](float s) { return s > threshold; }));
}

TEST(Calibration, SuggestsTheLeastThresholdThatKeepsToTheShare) {
    std::mt19937 random(5);  // NOLINT(*-msc51-cpp): the same scores every time
    std::uniform_real_distribution<float> uniform(0, 1);
    for (const double share : {0.0, 0.001, 0.01, 0.2, 1.0}) {
        std::vector<float> scores(2000);
        for (float& s : scores) s = uniform(random) * 0.99F;
        Calibration seen;
        seen.add(window_of(scores, 10, 0.0));
        const Suggestion s = seen.suggest(share);
        ASSERT_TRUE(s.least.has_value()) << share;
        EXPECT_LE(above(scores, s.least->threshold), static_cast<std::size_t>(share * 2000 + 1e-9));
        EXPECT_EQ(s.least->flows, above(scores, s.least->threshold));
        if (share < 1) {
            EXPECT_GT(above(scores, s.least->threshold - 2e-4),
                      static_cast<std::size_t>(share * 2000))
                << "a lesser one would not do: " << share;
        }
    }
}

TEST(Calibration, KeepsTheModelsOwnThresholdWhereThatIsEnough) {
    Calibration seen;
    seen.add(window_of({0.1F, 0.2F, 0.3F}, 10, 0.5));
    const Suggestion s = seen.suggest(0.001);
    ASSERT_NE(s.taken(), nullptr);
    EXPECT_EQ(s.taken()->threshold, 0.5);
    EXPECT_NEAR(s.least->threshold, 0.3, 2e-4);
    EXPECT_GE(s.least->threshold, 0.3F) << "the score itself is not above it";
}

TEST(Calibration, SaysWhereNoThresholdDoes) {
    Calibration seen;
    seen.add(window_of(std::vector<float>(100, 1.0F), 10));
    const Suggestion s = seen.suggest(0.01);
    EXPECT_EQ(s.taken(), nullptr);
    const CalibrationReport report = report_of(seen, 0.01);
    EXPECT_NE(calibration_text(report).find("no threshold keeps to that"), std::string::npos);
    EXPECT_NE(calibration_json(report).find("\"threshold\":null"), std::string::npos);
}

TEST(Calibration, CountsFlowsAndWindowsAnHour) {
    Calibration seen;
    seen.add(window_of({0.9F, 0.8F, 0.1F}, 60));
    seen.add(window_of({0.1F}, 60));
    seen.add(window_of({}, 240));
    const FalseAlarms f = seen.at(0.5);
    EXPECT_EQ(seen.windows(), 3U);
    EXPECT_EQ(seen.seconds(), 360);
    EXPECT_EQ(f.flows, 2U);
    EXPECT_EQ(f.windows, 1U);
    EXPECT_DOUBLE_EQ(f.share, 0.5);
    EXPECT_DOUBLE_EQ(f.flows_per_hour, 20);
    EXPECT_DOUBLE_EQ(f.windows_per_hour, 10);
    // Wilson's interval of 2 in 4, from the formula by hand: 0.15 to 0.85.
    EXPECT_NEAR(f.most, 0.85, 0.005);
}

TEST(Calibration, WarnsWhenTooFewFlowsWereSeen) {
    Calibration seen;
    seen.add(window_of({0.1F, 0.2F}, 10));
    EXPECT_NE(calibration_text(report_of(seen, 0.001)).find("look longer"), std::string::npos);
    EXPECT_EQ(calibration_text(report_of(seen, 0.9)).find("look longer"), std::string::npos);
}

TEST(Calibration, LeavesOutLongSilence) {
    Calibration seen;
    Window gap = window_of({}, 1e7);
    gap.skipped = 1'000'000;
    seen.add(gap);
    Window pause = window_of({}, 100);
    pause.skipped = 10;
    seen.add(pause);
    EXPECT_EQ(seen.seconds(), 100) << "a capture merged of two years is not a year of traffic";
}

}  // namespace
}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
// When a policy is to be read again.
#include "cli/reload_signal.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

#include "support/scratch_folder.h"

namespace weir::cli {
namespace {

bool is_readable(const ReloadSignal& signal, int timeout_ms = 0) {
    pollfd ready{.fd = signal.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, timeout_ms) > 0;
}

/// Whether there was a reason; the descriptor is quiet then.
bool take(ReloadSignal& signal) {
    const auto taken = signal.take();
    EXPECT_TRUE(taken.has_value());
    EXPECT_FALSE(is_readable(signal));
    return taken.value_or(false);
}

TEST(ReloadSignal, TellsEachHangupOnce) {
    auto signal = ReloadSignal::install();
    ASSERT_TRUE(signal.has_value()) << signal.error().message;
    EXPECT_FALSE(is_readable(*signal));
    EXPECT_FALSE(take(*signal));
    ASSERT_EQ(std::raise(SIGHUP), 0);
    ASSERT_EQ(std::raise(SIGHUP), 0);
    EXPECT_TRUE(is_readable(*signal));
    EXPECT_TRUE(take(*signal));
    EXPECT_FALSE(take(*signal));
}

TEST(ReloadSignal, TellsFilesWithAnotherContentAndNoTouch) {
    const test::ScratchFolder folder;
    auto signal = ReloadSignal::install();
    ASSERT_TRUE(signal.has_value()) << signal.error().message;
    const auto file = folder.file("p.toml", "one");
    ASSERT_TRUE(signal->watch({file}).has_value());
    EXPECT_FALSE(is_readable(*signal));
    (void)folder.file("p.toml", "one");
    EXPECT_TRUE(is_readable(*signal, 1000));
    EXPECT_FALSE(take(*signal));
    (void)folder.file("p.toml", "two");
    EXPECT_TRUE(is_readable(*signal, 1000));
    EXPECT_TRUE(take(*signal));
    ASSERT_EQ(std::raise(SIGHUP), 0);
    EXPECT_TRUE(take(*signal)) << "with and without another content";
}

}  // namespace
}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "engine/worker.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <csignal>
#include <future>

#include "util/privileges.h"

namespace weir {
namespace {

std::unique_ptr<Worker> start() {
    auto worker = Worker::start();
    EXPECT_TRUE(worker.has_value()) << worker.error().message;
    return worker ? std::move(*worker) : nullptr;
}

bool is_readable(int fd, int timeout_ms) {
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, timeout_ms) == 1;
}

TEST(Worker, TellsByItsDescriptorThatAJobHasEnded) {
    const auto worker = start();
    std::promise<void> gate;
    EXPECT_TRUE(worker->is_idle());
    worker->post([&]() -> Result<> {
        gate.get_future().wait();
        return {};
    });
    EXPECT_FALSE(worker->is_idle());
    EXPECT_FALSE(is_readable(worker->done_fd(), 0)) << "the job is still at its gate";
    gate.set_value();
    EXPECT_TRUE(is_readable(worker->done_fd(), 10'000));
    EXPECT_TRUE(worker->take_result().has_value());
    EXPECT_TRUE(worker->is_idle());
    EXPECT_FALSE(is_readable(worker->done_fd(), 0)) << "a result is taken once";
}

TEST(Worker, HandsTheErrorOfItsJobOver) {
    const auto worker = start();
    worker->post([]() -> Result<> { return fail(Errc::Io, "disk full"); });
    const auto result = worker->take_result();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Errc::Io);
    EXPECT_EQ(result.error().message, "disk full");
}

TEST(Worker, ForgetsAnErrorThatWasTaken) {
    const auto worker = start();
    worker->post([]() -> Result<> { return fail(Errc::Io, "once"); });
    EXPECT_FALSE(worker->take_result().has_value());
    worker->post([]() -> Result<> { return {}; });
    EXPECT_TRUE(worker->take_result().has_value());
}

TEST(Worker, RunsEveryJobOnItsOneThread) {
    const auto worker = start();
    std::thread::id seen[2];
    for (auto& id : seen) {
        worker->post([&id]() -> Result<> {
            id = std::this_thread::get_id();
            return {};
        });
        ASSERT_TRUE(worker->take_result().has_value());
    }
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_NE(seen[0], std::this_thread::get_id());
}

TEST(Worker, EndsTheJobAtHandBeforeItDies) {
    std::atomic<bool> has_ended = false;
    std::promise<void> has_begun;
    std::promise<void> gate;
    std::thread opener;
    {
        const auto worker = start();
        worker->post([&]() -> Result<> {
            has_begun.set_value();
            gate.get_future().wait();
            has_ended = true;
            return {};
        });
        has_begun.get_future().wait();
        opener = std::thread([&] { gate.set_value(); });
    }
    EXPECT_TRUE(has_ended);
    opener.join();
}

TEST(Worker, LeavesSignalsToTheEngineThread) {
    const auto worker = start();
    sigset_t blocked;
    sigemptyset(&blocked);
    worker->post([&]() -> Result<> {
        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        return {};
    });
    ASSERT_TRUE(worker->take_result().has_value());
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) EXPECT_EQ(sigismember(&blocked, number), 1);
}

TEST(Worker, HoldsNoCapabilities) {
    const auto before = effective_capabilities();
    ASSERT_TRUE(before.has_value());
    if (before->bits() == 0) GTEST_SKIP() << "there are none to lose: needs root";
    const auto worker = start();
    std::uint64_t held = ~std::uint64_t{0};
    worker->post([&]() -> Result<> {
        auto now = effective_capabilities();
        if (!now) return pass_on(now);
        held = now->bits();
        return {};
    });
    ASSERT_TRUE(worker->take_result().has_value());
    const std::uint64_t may_keep = CapabilitySet{Capability::Bpf}.bits();  // before Linux 5.19
    EXPECT_EQ(held & ~may_keep, 0U);
    const auto after = effective_capabilities();
    ASSERT_TRUE(after.has_value());
    EXPECT_EQ(after->bits(), before->bits()) << "this thread has lost some too";
}

}  // namespace
}  // namespace weir

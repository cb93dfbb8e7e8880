// SPDX-License-Identifier: Apache-2.0
// The window loop when things are slow, fail or vanish: no packet is lost, and it ends.
#include "engine/loop.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "support/fixture_probe.h"
#include "support/live_traffic.h"
#include "table_reader.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr auto kWindow = 50ms;
constexpr Nanoseconds kWindowNs = 50'000'000;
constexpr auto kDeadline = 20s;

/// Something that one thread says and others wait for.
class Signal {
public:
    void give() {
        const std::lock_guard lock(mutex_);
        is_given_ = true;
        changed_.notify_all();
    }
    bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kDeadline, [this] { return is_given_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_given_ = false;
};

struct Seen {
    std::uint64_t entered, late;
    std::int64_t start_ns, end_ns;
};

/// Keeps what windows said. The first report can be held up.
class Recorder : public WindowSink {
public:
    void extract(const Window&) override {}
    Result<> report(const Window& window) override {
        windows.push_back(
            {window.packets.entered, window.health.late, window.start_ns, window.end_ns});
        if (window.number == 1 && on_first) on_first();
        return {};
    }
    [[nodiscard]] std::uint64_t entered() const {
        std::uint64_t sum = 0;
        for (const Seen& w : windows) sum += w.entered;
        return sum;
    }

    std::function<void()> on_first;
    std::vector<Seen> windows;
};

class Loop : public ::testing::Test {
protected:
    [[nodiscard]] static Result<Engine> inject(std::uint64_t max_windows) {
        InjectOptions options;
        options.probe.file = test::fixture_path("count_sources");
        options.interface = test::PrivateNetwork::kReceiver;
        options.window = kWindow;
        options.mode = AttachMode::Drv;
        options.is_strict = true;
        options.max_windows = max_windows;
        return Engine::inject(options);
    }

    test::PrivateNetwork network_;
    test::LiveTraffic traffic_{network_.sender()};
    UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
    Signal is_reporting_, may_go_on_;
    Recorder sink_;
};

TEST_F(Loop, AWindowWhoseTwinIsBusyGrowsAndSaysHowLateItIs) {
    auto engine = inject(3);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    sink_.on_first = [&] {
        const Nanoseconds until = monotonic_ns() + 4 * kWindowNs;
        is_reporting_.give();
        EXPECT_TRUE(may_go_on_.wait());
        while (monotonic_ns() < until) std::this_thread::yield();
    };
    std::thread sender([&] {
        EXPECT_TRUE(is_reporting_.wait());
        EXPECT_EQ(traffic_.send(1000), 1000U);
        may_go_on_.give();
    });
    const auto done = engine->run(sink_, stop_.get());
    sender.join();
    ASSERT_TRUE(done.has_value()) << done.error().message;
    ASSERT_EQ(sink_.windows.size(), 3U);
    const Seen& grown = sink_.windows[1];
    EXPECT_EQ(sink_.windows[0].entered, 0U);
    EXPECT_EQ(grown.entered, 1000U);
    EXPECT_GE(grown.late, 3U);
    EXPECT_GE(grown.end_ns - grown.start_ns, 4 * kWindowNs);
    EXPECT_EQ(grown.start_ns, sink_.windows[0].end_ns);
    EXPECT_EQ(sink_.windows[2].start_ns, grown.end_ns);
    // The grid has not moved: every window ends at a point, give or take the machine's own delay.
    const Nanoseconds nominal = static_cast<Nanoseconds>(grown.late + 1) * kWindowNs;
    EXPECT_NEAR(static_cast<double>(grown.end_ns - grown.start_ns), static_cast<double>(nominal),
                static_cast<double>(kWindowNs));
}

TEST_F(Loop, AStopWhileTheTwinIsBusyStillReportsTheOpenWindow) {
    auto engine = inject(0);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    sink_.on_first = [&] {
        is_reporting_.give();
        EXPECT_TRUE(may_go_on_.wait());
    };
    std::thread sender([&] {
        EXPECT_TRUE(is_reporting_.wait());
        EXPECT_EQ(traffic_.send(1000), 1000U);
        eventfd_write(stop_.get(), 1);
        may_go_on_.give();
    });
    const auto done = engine->run(sink_, stop_.get());
    sender.join();
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(sink_.entered(), 1000U);
    EXPECT_GE(sink_.windows.size(), 2U);
}

TEST_F(Loop, AnInterfaceThatVanishesDuringAReportLosesNoWindow) {
    auto engine = inject(0);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    sink_.on_first = [&] {
        is_reporting_.give();
        EXPECT_TRUE(may_go_on_.wait());
    };
    std::thread remover([&] {
        EXPECT_TRUE(is_reporting_.wait());
        EXPECT_EQ(traffic_.send(1000), 1000U);
        test::run_command("ip link delete dev vtx");  // and with it its peer
        may_go_on_.give();
    });
    const auto done = engine->run(sink_, stop_.get());
    remover.join();
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Errc::NotFound);
    EXPECT_TRUE(done.error().message.contains("vrx: the interface vanished"));
    EXPECT_EQ(sink_.entered(), 1000U);
}

TEST_F(Loop, RunsOncePerEngine) {
    auto engine = inject(1);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    ASSERT_TRUE(engine->run(sink_, stop_.get()).has_value());
    const auto again = engine->run(sink_, stop_.get());
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().code, Errc::Invalid);
    EXPECT_EQ(sink_.windows.size(), 1U);
}

/// An engine whose maps and sinks the test can reach.
struct Parts {
    std::unique_ptr<EngineLoop> loop;

    static Result<Parts> make(const std::vector<std::string>& names) {
        LoopOptions options{.run = {}, .ends_without_interface = true};
        for (const std::string& name : names) {
            PolicyProbe probe;
            probe.name = name;
            probe.probe.file = test::fixture_path("count_sources");
            probe.interfaces = {test::PrivateNetwork::kReceiver};
            probe.hooks = {Hook::Xdp};
            probe.mode = AttachMode::Drv;
            probe.is_strict = true;
            probe.window = kWindow;
            options.run.policy.probes.push_back(std::move(probe));
        }
        options.run.max_windows = 100;  // a test that fails ends
        auto loop = EngineLoop::create(std::move(options), {});
        if (!loop) return pass_on(loop);
        if (auto r = (*loop)->start(); !r) return pass_on(r);
        return Parts{.loop = std::move(*loop)};
    }
    [[nodiscard]] const Chain& chain() const { return loop->hooks().front()->chain; }
};

TEST_F(Loop, AMapThatCannotBeClearedEndsTheRunInsteadOfStallingIt) {
    // A frozen map is closed to system calls that write; the ways through the kernel still empty
    // it.
    const test::Disable plain("drain,batch");
    auto parts = Parts::make({"frozen"});
    ASSERT_TRUE(parts.has_value()) << parts.error().message << parts.error().log;
    int frozen = 0;
    for (const unsigned clone : {0U, 1U})
        for (const CloneMap& m : parts->chain().pair(0).clone(clone).maps())
            if (m.map.name() == "sources") frozen += bpf_map_freeze(m.map.fd()) == 0 ? 1 : 0;
    ASSERT_EQ(frozen, 2);
    ASSERT_EQ(traffic_.send(100), 100U);
    const auto done = parts->loop->run(&sink_, stop_.get());
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Errc::Permission);
    EXPECT_TRUE(done.error().message.contains("clear")) << done.error().message;
    EXPECT_TRUE(done.error().message.contains("sources")) << done.error().message;
    EXPECT_EQ(sink_.windows.size(), 1U) << "no window may close over an unclean twin";
    EXPECT_EQ(sink_.entered(), 100U);
}

/// One probe's report fails while the other's is under way.
class HalfBroken : public WindowSink {
public:
    void extract(const Window&) override {}
    Result<> report(const Window& window) override {
        if (window.probe == "broken") {
            (void)slow_has_begun.wait();
            return fail(Errc::Io, "disk full");
        }
        is_in_use = true;
        slow_has_begun.give();
        const Nanoseconds until = monotonic_ns() + 6 * kWindowNs;
        while (monotonic_ns() < until) std::this_thread::yield();
        is_in_use = false;
        return {};
    }

    Signal slow_has_begun;
    std::atomic<bool> is_in_use = false;
};

TEST_F(Loop, AnErrorOfOneReportEndsTheRunAndLeavesTheSinkAlone) {
    auto parts = Parts::make({"broken", "slow"});
    ASSERT_TRUE(parts.has_value()) << parts.error().message << parts.error().log;
    HalfBroken sink;
    const auto done = parts->loop->run(&sink, stop_.get());
    EXPECT_FALSE(sink.is_in_use) << "run() has returned, the sink may be gone";
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Errc::Io);
    EXPECT_EQ(done.error().message, "report: disk full");
}

}  // namespace
}  // namespace weir

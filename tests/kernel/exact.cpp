// SPDX-License-Identifier: Apache-2.0
// Nothing is lost and nothing counted twice: what was sent equals what the windows say, by two
// independent counts (the wrapper's `entered` and a HASH that the probe fills).
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "chain/chain.h"
#include "chain/grace.h"
#include "engine/session.h"
#include "support/fixture_probe.h"
#include "support/live_traffic.h"
#include "table/table.h"
#include "util/clock.h"
#include "weir/engine.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

bool is_long_run() { return std::getenv("WEIR_LONG") != nullptr; }

/// Adds up what the windows say.
class SumSink : public WindowSink {
public:
    void extract(const Window& window) override {
        for (const table::Table& t : window.tables) {
            if (t.shape->name == "sources")
                for (std::size_t i = 0; i < t.rows; ++i) counted += value_of(t, i);
            if (t.shape->name == ".bss") lost += value_of(t, 0);
        }
    }
    Result<> report(const Window& window) override {
        ++windows;
        entered += window.packets.entered;
        late += window.health.late;
        misses += window.health.tail_call_misses;
        errors += window.health.errors.size();
        if (window.start_ns != previous_end && previous_end != 0) ++gaps;
        previous_end = window.end_ns;
        return {};
    }

    std::uint64_t windows = 0, entered = 0, counted = 0, lost = 0, late = 0, misses = 0, errors = 0,
                  gaps = 0;
    std::int64_t previous_end = 0;

private:
    static std::uint64_t value_of(const table::Table& table, std::size_t row) {
        std::uint64_t value = 0;
        std::memcpy(&value, table.value(row), sizeof(value));
        return value;
    }
};

TEST(Exact, EveryPacketIsInOneWindowAtFullSpeed) {
    const test::PrivateNetwork network;
    test::LiveTraffic traffic(network.sender());
    InjectOptions options;
    options.probe.file = test::fixture_path("count_sources");
    options.interface = test::PrivateNetwork::kReceiver;
    options.window = 100ms;
    options.mode = AttachMode::Drv;
    options.is_strict = true;
    auto engine = Engine::inject(options);
    ASSERT_TRUE(engine.has_value()) << engine.error().message << engine.error().log;
    const UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
    constexpr std::uint32_t kFrames = 20'000'000;
    std::uint64_t sent = 0;
    std::thread sender([&] {
        while (sent < kFrames) sent += traffic.send(static_cast<std::uint32_t>(kFrames - sent));
        eventfd_write(stop.get(), 1);
    });
    SumSink sum;
    auto done = engine->run(sum, stop.get());
    sender.join();
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(sent, kFrames);
    EXPECT_EQ(sum.entered, sent);
    EXPECT_EQ(sum.counted, sent);
    EXPECT_EQ(sum.lost, 0);
    EXPECT_EQ(sum.misses, 0);
    EXPECT_EQ(sum.errors, 0);
    EXPECT_EQ(sum.gaps, 0) << "a window does not begin where the one before it ended";
    EXPECT_GT(sum.windows, 10);
    RecordProperty("windows", static_cast<int>(sum.windows));
}

/// A probe in a chain, flipped by hand as fast as it goes.
struct Flipper {
    Chain chain;
    std::unique_ptr<ProbeSession> session;

    static Result<Flipper> attach(const std::string& fixture, bpf::IfIndex interface) {
        auto chain = Chain::create();
        if (!chain) return pass_on(chain);
        if (auto r = test::append_fixture(*chain, fixture, fixture); !r) return pass_on(r);
        auto session = ProbeSession::create(chain->pair(0));
        if (!session) return pass_on(session);
        auto attached = chain->attach(interface, {.mode = bpf::XdpMode::Drv, .is_strict = true});
        if (!attached) return pass_on(attached);
        return Flipper{.chain = std::move(*chain), .session = std::move(*session)};
    }
};

TEST(Exact, ThousandsOfFlipsUnderTrafficLoseNothing) {
    const test::PrivateNetwork network;
    test::LiveTraffic traffic(network.sender());
    auto flipper = Flipper::attach("count_sources", network.receiver());
    ASSERT_TRUE(flipper.has_value()) << flipper.error().message << flipper.error().log;
    auto grace = Grace::create(GraceMethod::Auto);
    ASSERT_TRUE(grace.has_value());
    std::atomic<bool> stop = false;
    std::uint64_t sent = 0;
    constexpr std::uint32_t kBatch = 1U << 18;  // one call of the kernel for many flips
    std::thread sender([&] { sent = traffic.send_until(stop, kBatch); });
    SumSink sum;
    const int flips = is_long_run() ? 20'000 : 2'000;
    const auto close = [&] {
        flipper->chain.flip(Chain::bit(0));
        ASSERT_TRUE(grace->wait().has_value());
        flipper->session->read(flipper->chain.active(0) ^ 1, Window{});
        sum.extract(flipper->session->window());
        ASSERT_TRUE(sum.report(flipper->session->window()).has_value());
        ASSERT_TRUE(flipper->session->clear().has_value());
    };
    bool is_flowing = true;
    for (int i = 0; i < flips && is_flowing; ++i) {
        is_flowing = test::wait_for_a_packet(flipper->chain);
        close();
    }
    stop = true;
    sender.join();
    close();
    close();
    EXPECT_TRUE(is_flowing) << "a flip without traffic";
    const auto counts = flipper->chain.counts();
    ASSERT_TRUE(counts.has_value());
    EXPECT_EQ(counts->of[0].entered + counts->of[1].entered, sent);
    EXPECT_EQ(counts->tail_call_misses, 0);
    RecordProperty("sent", std::to_string(sent));
    EXPECT_EQ(sum.counted, sent);
    EXPECT_EQ(sum.lost, 0);
    EXPECT_EQ(sum.errors, 0);
}

/// What one packet takes on its way through the chain.
std::uint32_t packet_ns(const Chain& chain) {
    std::array<std::byte, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                .repeat = 100);
    EXPECT_EQ(bpf_prog_test_run_opts(chain.pivot().fd, &options), 0);
    return options.duration;
}

/// Reads clone by clone of a probe that counts late; says how many snapshots changed after they
/// were read.
int changed_snapshots(GraceMethod method, int flips) {
    const test::PrivateNetwork network;
    test::LiveTraffic traffic(network.sender());
    auto flipper = Flipper::attach("slow", network.receiver());
    EXPECT_TRUE(flipper.has_value()) << flipper.error().message << flipper.error().log;
    EXPECT_GE(packet_ns(flipper->chain), 200'000) << "the probe is too quick for the test";
    auto grace = Grace::create(method);
    EXPECT_TRUE(grace.has_value());
    std::atomic<bool> stop = false;
    std::thread sender([&] { (void)traffic.send_until(stop, 64); });
    const auto counted = [&](unsigned clone) {
        std::uint64_t value = 0;
        const std::uint32_t zero = 0;
        for (const CloneMap& m : flipper->chain.pair(0).clone(clone).maps())
            if (m.map.name() == "counted" && !m.map.lookup(&zero, &value))
                ADD_FAILURE() << "lookup";
        return value;
    };
    int changed = 0;
    for (int i = 0; i < flips; ++i) {
        flipper->chain.flip(Chain::bit(0));
        EXPECT_TRUE(grace->wait().has_value());
        const unsigned active = flipper->chain.active(0);
        const std::uint64_t snapshot = counted(active ^ 1);
        // One queue carries all frames: once some have passed through the active clone, none that
        // came before the flip is still on its way.
        const std::uint64_t before = counted(active);
        const Nanoseconds deadline = monotonic_ns() + 5'000'000'000;
        while (counted(active) < before + 3 && monotonic_ns() < deadline) std::this_thread::yield();
        EXPECT_GE(counted(active), before + 3) << "no traffic";
        changed += counted(active ^ 1) != snapshot ? 1 : 0;
    }
    stop = true;
    sender.join();
    return changed;
}

TEST(GracePeriod, SnapshotsDoNotChangeAfterVisitingEveryCpu) {
    auto grace = Grace::create(GraceMethod::Auto);
    ASSERT_TRUE(grace.has_value());
    if (grace->method() != GraceMethod::VisitCpus) GTEST_SKIP() << "this kernel does not allow it";
    EXPECT_EQ(changed_snapshots(GraceMethod::VisitCpus, 200), 0);
}

TEST(GracePeriod, SnapshotsDoNotChangeAfterAMapInMapUpdate) {
    EXPECT_EQ(changed_snapshots(GraceMethod::MapInMap, 200), 0);
}

TEST(GracePeriod, IsNeeded) { EXPECT_GT(changed_snapshots(GraceMethod::None, 200), 0); }

}  // namespace
}  // namespace weir

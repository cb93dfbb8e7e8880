// SPDX-License-Identifier: Apache-2.0
// A replay in the kernel: windows by packet time, the capture's clock in the probe, equal runs.
#include "weir/replay.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <cstring>
#include <map>
#include <random>

#include "support/capture_file.h"
#include "support/live_traffic.h"
#include "table/table.h"
#include "util/fd.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using test::Bytes;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'600'000'000 * kSecond + 7;

struct Times {  // tests/fixtures/replay.bpf.c
    std::uint64_t first, last, packets;
};

/// A row as it lies in the table: what two runs have in common, the order included.
using Rows = std::vector<std::pair<Bytes, Bytes>>;

struct Seen {
    std::uint64_t number;
    std::int64_t start_ns, end_ns;
    std::uint64_t entered, skipped, too_short, too_long;
    std::map<std::string, Rows> tables;

    [[nodiscard]] Times times(const std::string& table) const {
        Times times{};
        const Rows& rows = tables.at(table);
        if (!rows.empty()) std::memcpy(&times, rows[0].second.data(), sizeof(times));
        return times;
    }
    bool operator==(const Seen&) const = default;
};

Rows rows_of(const table::Table& table) {
    Rows rows;
    const std::size_t bytes =
        table.cpus == 0 ? table.shape->value_bytes
                        : std::size_t{bpf::value_stride(table.shape->value_bytes)} * table.cpus;
    for (std::size_t i = 0; i < table.rows; ++i) {
        // SAFETY: chars may view any bytes.
        rows.emplace_back(
            Bytes(reinterpret_cast<const char*>(table.key(i)), table.shape->key_bytes),
            Bytes(reinterpret_cast<const char*>(table.value(i)), bytes));
    }
    return rows;
}

class Recorder : public WindowSink {
public:
    void extract(const Window&) override {}
    Result<> report(const Window& w) override {
        Seen seen{.number = w.number,
                  .start_ns = w.start_ns,
                  .end_ns = w.end_ns,
                  .entered = w.packets.entered,
                  .skipped = w.skipped,
                  .too_short = w.health.unseen->too_short,
                  .too_long = w.health.unseen->too_long,
                  .tables = {}};
        for (const table::Table& t : w.tables) seen.tables[t.shape->name] = rows_of(t);
        windows.push_back(std::move(seen));
        if (after_window) return after_window();
        return {};
    }
    std::function<Result<>()> after_window;
    std::vector<Seen> windows;
};

Bytes capture_of(const std::vector<std::int64_t>& times) {
    Bytes content = test::pcap_header({});
    std::uint8_t source = 0;
    for (const std::int64_t time : times)
        content += test::pcap_record(time, test::udp_frame(++source));
    return content;
}

class ReplayTest : public ::testing::Test {
protected:
    Result<ReplaySummary> run(const Bytes& content, ReplayOptions options = {}) {
        const test::CaptureFile file(content);
        options.file = file.path();
        options.probe.file = test::fixture_path("replay");
        auto replay = Replay::open(options);
        if (!replay) return pass_on(replay);
        return replay->run(sink_, stop_.get());
    }

    /// {start, end, entered, skipped}, times relative to kStart in the unit of a window of 1 s.
    struct Cut {
        double start, end;
        std::uint64_t entered, skipped;
        bool operator==(const Cut&) const = default;
    };
    [[nodiscard]] std::vector<Cut> cuts() const {
        std::vector<Cut> found;
        found.reserve(sink_.windows.size());
        for (const Seen& w : sink_.windows)
            found.push_back({static_cast<double>(w.start_ns - kStart) / 1e9,
                             static_cast<double>(w.end_ns - kStart) / 1e9, w.entered, w.skipped});
        return found;
    }

    UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
    Recorder sink_;
};

std::int64_t at(double seconds) { return kStart + static_cast<std::int64_t>(seconds * 1e9); }

TEST_F(ReplayTest, CutsOnAFixedGridAndTellsARunOfEmptyWindowsAsOne) {
    const auto done =
        run(capture_of({at(0), at(0.5), at(1), at(1), at(2.5), at(7.25), at(7.5)}), {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message << done.error().log;
    const std::vector<Cut> expected = {
        {0, 1, 2, 0}, {1, 2, 2, 0}, {2, 3, 1, 0}, {3, 7, 0, 4}, {7, 7.5, 2, 0}};
    EXPECT_EQ(cuts(), expected);
    EXPECT_EQ(done->packets, 7U);
    EXPECT_EQ(done->windows, 5U);
    EXPECT_TRUE(done->notices.empty());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(sink_.windows[i].number, i + 1);
}

TEST_F(ReplayTest, RestartsByLucidsRuleAtTheFirstPacketAfter) {
    const auto done = run(capture_of({at(0), at(1), at(1.25), at(2.25), at(2.5), at(9)}),
                          {.window = 1s, .rule = WindowRule::Lucid});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    const std::vector<Cut> expected = {
        {0, 1, 2, 0}, {1.25, 2.25, 2, 0}, {2.5, 3.5, 1, 0}, {9, 9, 1, 0}};
    EXPECT_EQ(cuts(), expected);
}

TEST_F(ReplayTest, PutsEarlierPacketsIntoTheOpenWindow) {
    const auto done =
        run(capture_of({at(0), at(5.5), at(0.25), at(-1000), at(5.25), at(6.5)}), {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    const std::vector<Cut> expected = {{0, 1, 1, 0}, {1, 5, 0, 4}, {5, 6, 4, 0}, {6, 6.5, 1, 0}};
    EXPECT_EQ(cuts(), expected);
}

TEST_F(ReplayTest, JumpsOverYears) {
    constexpr double kYears = 86'400.0 * 10'000;
    const auto done = run(capture_of({at(0), at(kYears + 0.5)}), {.window = 1ms});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    ASSERT_EQ(sink_.windows.size(), 3U);
    EXPECT_EQ(sink_.windows[1].skipped, 864'000'000'499U);
    EXPECT_EQ(sink_.windows[1].entered, 0U);
    EXPECT_EQ(sink_.windows[2].entered, 1U);
}

TEST_F(ReplayTest, GivesTheProbeEachPacketsOwnTimeInBothClones) {
    const std::vector<std::int64_t> times = {at(0), at(0.5) + 1, at(1.5) + 2, at(2.75) + 3, 4};
    const auto done = run(capture_of(times), {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    ASSERT_EQ(sink_.windows.size(), 3U);
    const std::vector<std::pair<std::int64_t, std::int64_t>> expected = {
        {times[0], times[1]}, {times[2], times[2]}, {times[3], times[4]}};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const Times seen = sink_.windows[i].times("times");
        EXPECT_EQ(static_cast<std::int64_t>(seen.first), expected[i].first);
        EXPECT_EQ(static_cast<std::int64_t>(seen.last), expected[i].second);
        EXPECT_EQ(seen.packets, sink_.windows[i].entered);
    }
}

TEST_F(ReplayTest, KeepsPersistentMapsAndClearsWindowedOnes) {
    const auto done = run(capture_of({at(0), at(0.5), at(1.5), at(4.5)}), {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    std::vector<std::uint64_t> windowed;
    std::vector<std::uint64_t> ever;
    for (const Seen& w : sink_.windows) {
        windowed.push_back(w.times("times").packets);
        ever.push_back(w.times("times_ever").packets);
    }
    EXPECT_EQ(windowed, (std::vector<std::uint64_t>{2, 1, 0, 1}));
    EXPECT_EQ(ever, (std::vector<std::uint64_t>{2, 3, 3, 4}));
}

TEST_F(ReplayTest, CountsFramesThatNoProbeCanSee) {
    const Bytes frame = test::udp_frame(1);
    const auto with_length = [&](std::size_t bytes) {
        Bytes long_frame = frame;
        long_frame.resize(bytes);
        return test::pcap_record(at(0.5), long_frame);
    };
    const auto done = run(
        test::pcap_header({}) + test::pcap_record(at(0), frame) +
            test::pcap_record(at(0.25), frame.substr(0, 13)) + test::pcap_record(at(0.25), "") +
            with_length(14) + with_length(65'549) + with_length(200'000) +
            test::pcap_record(at(1.25), frame.substr(0, 13)) + test::pcap_record(at(1.5), frame),
        {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(done->packets, 8U);
    ASSERT_EQ(sink_.windows.size(), 2U);
    const Seen& first = sink_.windows[0];
    EXPECT_EQ(first.entered, 3U);
    EXPECT_EQ(first.too_short, 2U);
    EXPECT_EQ(first.too_long, 1U);
    EXPECT_EQ(first.tables.at("lengths").size(), 3U) << "60, 14 and 65,549 bytes";
    EXPECT_EQ(sink_.windows[1].start_ns, at(1)) << "a frame that no probe sees cuts all the same";
    EXPECT_EQ(sink_.windows[1].too_short, 1U);
    EXPECT_EQ(sink_.windows[1].too_long, 0U);
    ASSERT_EQ(done->notices.size(), 1U);
    EXPECT_TRUE(done->notices[0].contains("packet 6")) << done->notices[0];
}

TEST_F(ReplayTest, TellsOfACutFileAfterItsPackets) {
    const Bytes whole = capture_of({at(0), at(0.5)});
    const auto done = run(whole.substr(0, whole.size() - 1), {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(done->packets, 1U);
    ASSERT_EQ(sink_.windows.size(), 1U);
    EXPECT_EQ(sink_.windows[0].entered, 1U);
    ASSERT_EQ(done->notices.size(), 1U);
    EXPECT_TRUE(done->notices[0].starts_with("packet 2: truncated")) << done->notices[0];
}

TEST_F(ReplayTest, HasNoWindowWhereThereIsNoPacket) {
    const auto done = run(capture_of({}));
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(done->packets, 0U);
    EXPECT_TRUE(sink_.windows.empty());
}

TEST_F(ReplayTest, StopsAfterSoManyWindows) {
    const Bytes content = capture_of({at(0), at(1), at(5), at(6), at(7)});
    for (const std::uint64_t max : {1U, 2U, 3U, 6U, 7U}) {
        sink_.windows.clear();
        const auto done = run(content, {.window = 1s, .max_windows = max});
        ASSERT_TRUE(done.has_value()) << done.error().message;
        EXPECT_EQ(done->windows, std::min<std::uint64_t>(max, 6));
        EXPECT_EQ(sink_.windows.size(), done->windows);
    }
    EXPECT_EQ(sink_.windows[2].skipped, 3U);
}

TEST_F(ReplayTest, AStopReportsTheOpenWindow) {
    std::vector<std::int64_t> times(100'000, at(0));
    for (std::size_t i = 0; i < times.size(); ++i) times[i] += static_cast<std::int64_t>(i);
    eventfd_write(stop_.get(), 1);
    const auto done = run(capture_of(times), {.window = 1s});
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_LT(done->packets, 100'000U);
    ASSERT_EQ(sink_.windows.size(), 1U);
    EXPECT_EQ(sink_.windows[0].entered, done->packets);
    EXPECT_EQ(sink_.windows[0].end_ns, at(0) + static_cast<std::int64_t>(done->packets) - 1);
}

TEST_F(ReplayTest, AnErrorOfTheSinkEndsTheRun) {
    sink_.after_window = [] { return Result<>(fail(Errc::Io, "disk full")); };
    const auto done = run(capture_of({at(0), at(1), at(2)}), {.window = 1s});
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, Errc::Io);
    EXPECT_EQ(done.error().message, "report: disk full");
    EXPECT_EQ(sink_.windows.size(), 1U);
}

/// 20,000 frames of random senders (1,000 of them), lengths and times, out of order now and then.
Bytes random_capture() {
    std::mt19937 random(1);  // NOLINT(*-msc51-cpp): the same capture every time
    Bytes content = test::pcap_header({});
    std::int64_t time = kStart;
    for (int i = 0; i < 20'000; ++i) {
        time += static_cast<std::int64_t>(random() % 400'000);
        Bytes frame = test::udp_frame(static_cast<std::uint8_t>(random() % 250));
        frame[28] = static_cast<char>(random() % 4);
        frame.resize(60 + random() % 1400);
        content += test::pcap_record(time - static_cast<std::int64_t>(random() % 300'000), frame);
    }
    return content;
}

TEST_F(ReplayTest, TwoRunsGiveTheSameTablesRowByRow) {
    const Bytes content = random_capture();
    ASSERT_TRUE(run(content, {.window = 500ms}).has_value());
    const std::vector<Seen> first = std::exchange(sink_.windows, {});
    ASSERT_TRUE(run(content, {.window = 500ms}).has_value());
    ASSERT_GE(first.size(), 8U);
    EXPECT_GT(first[0].tables.at("senders").size(), 900U);
    EXPECT_EQ(first, sink_.windows);
}

ino_t network_inode() {
    struct stat facts{};
    EXPECT_EQ(::stat("/proc/thread-self/ns/net", &facts), 0);
    return facts.st_ino;
}

TEST_F(ReplayTest, IsInAnEmptyNetworkAndLeavesItAgain) {
    const ino_t home = network_inode();
    const test::CaptureFile file(capture_of({at(0)}));
    const ReplayOptions options{.probe = {.file = test::fixture_path("replay")},
                                .file = file.path()};
    {
        auto replay = Replay::open(options);
        ASSERT_TRUE(replay.has_value()) << replay.error().message;
        EXPECT_TRUE(replay->notices().empty());
        EXPECT_NE(network_inode(), home);
        const auto there = bpf::interfaces();
        ASSERT_EQ(there.size(), 1U);
        EXPECT_EQ(there[0].name, "lo");
        sink_.after_window = [home]() -> Result<> {
            EXPECT_EQ(network_inode(), home) << "what is reported may go out";
            return {};
        };
        EXPECT_TRUE(replay->run(sink_, stop_.get()).has_value());
        EXPECT_EQ(sink_.windows.size(), 1U);
        EXPECT_FALSE(replay->run(sink_, stop_.get()).has_value()) << "a replay runs once";
    }
    EXPECT_EQ(network_inode(), home);
}

TEST_F(ReplayTest, SaysHowFarItIs) {
    std::vector<ReplayProgress> told;
    const std::vector<std::int64_t> times(50'000, at(0));
    const Bytes content = capture_of(times);
    ReplayOptions options;
    options.on_progress = [&](const ReplayProgress& now) { told.push_back(now); };
    ASSERT_TRUE(run(content, options).has_value());
    ASSERT_GE(told.size(), 10U);
    for (std::size_t i = 1; i < told.size(); ++i) {
        EXPECT_GT(told[i].packets, told[i - 1].packets);
        EXPECT_GE(told[i].bytes_read, told[i - 1].bytes_read);
    }
    EXPECT_EQ(told.back().file_bytes, content.size());
    EXPECT_LE(told.back().bytes_read, content.size());
}

TEST_F(ReplayTest, RefusesAWindowOfNoLengthOrOfYears) {
    for (const auto window : {std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1),
                              std::chrono::nanoseconds(std::chrono::hours(24 * 365))}) {
        const auto done = run(capture_of({at(0)}), {.window = window});
        ASSERT_FALSE(done.has_value());
        EXPECT_EQ(done.error().code, Errc::Invalid);
    }
}

}  // namespace
}  // namespace weir

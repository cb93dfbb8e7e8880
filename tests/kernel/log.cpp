// SPDX-License-Identifier: Apache-2.0
// Messages of a probe: each arrives as it was sent, or is counted.
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "engine/log_reader.h"
#include "support/one_probe.h"
#include "support/scratch_folder.h"
#include "util/clock.h"

namespace weir {
namespace {

constexpr std::size_t kFrameBytes = 60;
constexpr std::int64_t kMillisecond = 1'000'000;

/// A frame that tests/fixtures/log.bpf.c answers with a message of that level.
std::string frame(std::uint8_t level) {
    std::string bytes(kFrameBytes, '\0');
    bytes[0] = static_cast<char>(level);
    return bytes;
}

std::string text(std::uint32_t number) {
    return "message " + std::to_string(number) + ": -7 of fedcba9876543210 from 10.0.0.1, 60 bytes";
}

void stay_on_cpu(std::size_t cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(only), &only), 0);
}

class Log : public ::testing::Test {
protected:
    void start(const ProbeSpec& spec, bool is_replay = false) {
        reader_.reset();
        probe_.emplace(spec, is_replay);
        auto reader = LogReader::open(
            probe_->pair(),
            {.on_log = [this](const LogRecord& record) { records_.push_back(record); },
             .is_replay = is_replay});
        ASSERT_TRUE(reader.has_value()) << reader.error().message;
        reader_ = std::move(*reader);
        ASSERT_NE(reader_, nullptr);
    }
    void start_fixture(std::vector<Setting> settings = {}) {
        ProbeSpec spec;
        spec.file = test::fixture_file("log");
        spec.settings = std::move(settings);
        start(spec);
    }
    /// A source in the BCC dialect.
    void start_source(const std::string& content, std::vector<std::string> cflags = {}) {
        start(source(content, std::move(cflags)));
    }
    ProbeSpec source(const std::string& content, std::vector<std::string> cflags = {}) {
        ProbeSpec spec;
        spec.file = {.name = "source", .path = folder_.file("source.c", content)};
        spec.cflags = std::move(cflags);
        return spec;
    }
    [[nodiscard]] std::uint64_t lost() const {
        return probe_->counted(0).logs_lost + probe_->counted(1).logs_lost;
    }
    /// "LEVEL TEXT" of each.
    [[nodiscard]] std::vector<std::string> told() {
        reader_->drain();
        std::vector<std::string> lines;
        lines.reserve(records_.size());
        for (const LogRecord& r : records_) lines.push_back(std::to_string(r.level) + " " + r.text);
        return lines;
    }

    test::ScratchFolder folder_;
    std::optional<test::OneProbe> probe_;
    std::unique_ptr<LogReader> reader_;  // dies before the probe
    std::vector<LogRecord> records_;
};

TEST_F(Log, AMessageArrivesWithTextLevelCpuAndTime) {
    start_fixture();
    cpu_set_t all;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(all), &all), 0);
    for (std::size_t cpu = 0; cpu < 2 && CPU_ISSET(cpu, &all); ++cpu) {
        stay_on_cpu(cpu);
        const std::int64_t before = unix_ns();
        EXPECT_EQ(probe_->run(frame(WEIR_WARNING)), 1U) << "the verdict stays the probe's";
        const std::int64_t after = unix_ns();
        pollfd ready{.fd = reader_->fd(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&ready, 1, 5000), 1);
        reader_->drain();
        ASSERT_EQ(records_.size(), cpu + 1);
        const LogRecord& record = records_.back();
        EXPECT_EQ(record.probe, "log");
        EXPECT_EQ(record.text, text(static_cast<std::uint32_t>(cpu)));
        EXPECT_EQ(record.level, 30U);
        EXPECT_EQ(record.cpu, cpu);
        EXPECT_GE(record.unix_ns, before - kMillisecond);
        EXPECT_LE(record.unix_ns, after + kMillisecond);
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof(all), &all), 0);
    EXPECT_EQ(lost(), 0U);
}

TEST_F(Log, WhatIsLessUrgentThanTheLevelIsNotSentAndNotLost) {
    for (const unsigned level : {10U, 20U, 40U}) {
        start_fixture({{.target = "log_level", .value = std::to_string(level)}});
        records_.clear();
        std::vector<std::uint32_t> expected;
        for (const unsigned sent : {0U, 9U, 10U, 19U, 20U, 39U, 41U, 50U, 255U}) {
            (void)probe_->run(frame(static_cast<std::uint8_t>(sent)));
            if (sent >= level) expected.push_back(sent);
        }
        reader_->drain();
        std::vector<std::uint32_t> got;
        got.reserve(records_.size());
        for (const LogRecord& r : records_) got.push_back(r.level);
        EXPECT_EQ(got, expected) << level;
        EXPECT_EQ(lost(), 0U);
    }
}

TEST_F(Log, BothClonesWriteInOneOrder) {
    start_fixture();
    std::vector<std::string> expected;
    for (int i = 0; i < 50; ++i) {
        if (i % 7 == 0) probe_->flip();
        (void)probe_->run(frame(40));
        expected.emplace_back("40 no more than this");
    }
    EXPECT_EQ(told(), expected);
    EXPECT_TRUE(std::ranges::is_sorted(records_, {}, &LogRecord::unix_ns));
    EXPECT_EQ(probe_->counted(0).entered + probe_->counted(1).entered, 50U);
    EXPECT_GT(probe_->counted(1).entered, 0U);
}

TEST_F(Log, BeyondTheRateIsCountedExactly) {
    constexpr int kSent = 200'000;
    constexpr std::uint64_t kRate = 100;
    start_fixture({{.target = "log_rate", .value = std::to_string(kRate)}});
    const std::int64_t begin = monotonic_ns();
    (void)probe_->run(frame(40), kSent);
    const std::int64_t seconds = (monotonic_ns() - begin) / 1'000'000'000;
    reader_->drain();
    EXPECT_EQ(records_.size() + lost(), kSent);
    EXPECT_GE(records_.size(), kRate);
    EXPECT_LE(records_.size(), kRate * (static_cast<std::uint64_t>(seconds) + 2));
}

TEST_F(Log, TheRateIsTheProbesNotTheClones) {
    start_fixture({{.target = "log_rate", .value = "10"}});
    const std::int64_t begin = monotonic_ns();
    for (int i = 0; i < 100; ++i) {
        probe_->flip();
        (void)probe_->run(frame(40));
    }
    const auto seconds = static_cast<std::uint64_t>((monotonic_ns() - begin) / 1'000'000'000);
    reader_->drain();
    EXPECT_EQ(records_.size() + lost(), 100U);
    EXPECT_LE(records_.size(), 2 * 10 * (seconds + 2))
        << "the test moved between CPUs once at most";
    EXPECT_GT(probe_->counted(0).logs_lost, 0U);
    EXPECT_GT(probe_->counted(1).logs_lost, 0U);
}

TEST_F(Log, WhatFindsNoRoomIsCountedExactly) {
    start_fixture({{.target = "log_rate", .value = "1M"}});
    for (int round = 1; round <= 3; ++round) {
        (void)probe_->run(frame(40), 1000);
        reader_->drain();
        EXPECT_EQ(records_.size() + lost(), 1000U * static_cast<unsigned>(round));
        EXPECT_GT(records_.size(), 250U * static_cast<unsigned>(round)) << "room again";
        EXPECT_GT(lost(), 0U);
    }
}

TEST_F(Log, FromManyCpusNoneIsForgotten) {
    constexpr int kSent = 20'000;
    start_fixture({{.target = "log_rate", .value = "1M"}});
    const unsigned cpus = std::max(2U, std::min(4U, std::thread::hardware_concurrency()));
    std::atomic<unsigned> running = cpus;
    {
        std::vector<std::jthread> senders;
        senders.reserve(cpus);
        for (unsigned i = 0; i < cpus; ++i)
            senders.emplace_back([&, i] {
                if (i < std::thread::hardware_concurrency()) stay_on_cpu(i);
                for (int n = 0; n < kSent; n += 100) (void)probe_->run(frame(41), 100);
                --running;
            });
        while (running > 0) reader_->drain();
    }
    reader_->drain();
    reader_->drain();
    EXPECT_EQ(records_.size() + lost(), std::size_t{kSent} * cpus);
    EXPECT_GT(records_.size(), 1000U);
    for (const LogRecord& r : records_) ASSERT_TRUE(r.text.starts_with("message ")) << r.text;
}

TEST_F(Log, ALongTextIsCut) {
    ProbeSpec spec;
    spec.file = test::fixture_file("log_long");
    start(spec);
    (void)probe_->run(frame(0));
    reader_->drain();
    ASSERT_EQ(records_.size(), 1U);
    std::string expected;
    for (int i = 0; i < 20; ++i) expected += "0123456789";
    EXPECT_EQ(records_[0].text, expected) << "the 7 behind them is cut off";
    EXPECT_EQ(lost(), 0U);
}

TEST_F(Log, InAReplayTheTimeIsTheCaptures) {
    ProbeSpec spec;
    spec.file = test::fixture_file("log");
    start(spec, true);
    (void)probe_->run(frame(40));
    reader_->drain();
    ASSERT_EQ(records_.size(), 1U);
    EXPECT_EQ(records_[0].unix_ns, 0) << "nobody has set the clock";
}

TEST_F(Log, DpLogOfDechainy) {
    const std::string source =
        "static __always_inline int handler(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
        "    dp_log(INFO, \"%d bytes, %s%c\", md->length, \"\", 'x');\n"
        "    dp_log(DEBUG, \"debug\");\n"
        "    if (md->length > 50) dp_log(ERROR, \"long\");\n"
        "    return PASS;\n}\n";
    start_source(source);
    EXPECT_EQ(probe_->run(frame(0)), 2U);
    EXPECT_EQ(told(), (std::vector<std::string>{"20 60 bytes, x", "40 long"}));
    records_.clear();
    start_source(source, {"-DLOG_LEVEL=DEBUG"});
    (void)probe_->run(frame(0));
    EXPECT_EQ(told(), (std::vector<std::string>{"20 60 bytes, x", "10 debug", "40 long"}));
}

TEST_F(Log, PcnLogOfPolycube) {
    start_source(
        "static int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
        "    pcn_log(ctx, LOG_CRITICAL, \"one\");\n"
        "    pcn_log(ctx, LOG_ERR, \"two %d\", 2);\n"
        "    pcn_log(ctx, LOG_WARN, \"three %u %u\", 3, md->packet_len);\n"
        "    pcn_log(ctx, LOG_NOTICE, \"four\");\n"
        "    pcn_log(ctx, LOG_INFO, \"five\");\n"
        "    pcn_log(ctx, LOG_DEBUG, \"six\");\n"
        "    pcn_log(ctx, LOG_TRACE, \"seven\");\n"
        "    return RX_OK;\n}\n");
    EXPECT_EQ(probe_->run(frame(0)), 2U);
    EXPECT_EQ(told(), (std::vector<std::string>{"50 one", "40 two 2", "30 three 3 60", "20 four",
                                                "20 five"}));
}

TEST_F(Log, AFormatThatTheKernelDoesNotKnowIsRefused) {
    const auto chain = test::OneProbe::load(
        source("static int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
               "    pcn_log(ctx, LOG_INFO, \"from %I\", 1);\n    return RX_OK;\n}\n"),
        false);
    ASSERT_FALSE(chain.has_value());
    EXPECT_EQ(chain.error().code, Errc::Rejected);
    EXPECT_TRUE(chain.error().message.contains("handle_rx: the kernel cannot format"))
        << chain.error().message;
    EXPECT_TRUE(chain.error().hint.contains("%pI4")) << chain.error().hint;
}

TEST_F(Log, AProbeThatSendsNoneHasNoReader) {
    ProbeSpec spec;
    spec.file = test::fixture_file("pass");
    const test::OneProbe probe(spec);
    auto reader = LogReader::open(probe.pair(), {});
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ(*reader, nullptr);
}

}  // namespace
}  // namespace weir

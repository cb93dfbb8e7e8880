// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a probe on a capture: the same BPF code as live, packet by packet, with the capture's clock.
// Two runs give the same windows to the bit.
//
//     auto replay = weir::Replay::open({.file = "dump.pcap", .window = 10s});
//     if (!replay) return report(replay.error());
//     auto summary = replay->run(sink, stop_fd);
//
// Ownership: owns everything it made in the kernel; nothing is attached anywhere. Thread rule:
// open(), run() and destruction on one thread, which is in an empty network namespace meanwhile
// (where it has CAP_SYS_ADMIN); a sink is called on the probe's own worker thread. Kernel: 5.15.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/engine.h"
#include "weir/result.h"

namespace weir {

enum class WindowRule {
    Fixed,  ///< a grid that starts at the first packet: [start + k * window, start + (k + 1) *
            ///< window)
    Lucid,  ///< a window starts at the first packet later than the last one's start + window
};

struct ReplayProgress {
    std::uint64_t packets = 0;
    std::uint64_t bytes_read = 0, file_bytes = 0;  ///< compressed, where the file is
};

struct ReplayOptions {
    ProbeOptions probe = {};
    std::optional<Hook> hook = {};  ///< none: xdp, or tc-ingress for a program that is for tc
    ExtractorOptions extractor = {};
    ModelOptions model = {};
    std::string file = {};                                       ///< pcap or pcapng, also gzipped
    std::chrono::nanoseconds window = std::chrono::seconds(10);  ///< up to 1,000,000 s
    WindowRule rule = WindowRule::Fixed;
    std::uint64_t max_windows = 0;  ///< run() returns after so many; 0: at the end of the file
    std::function<void(const ReplayProgress&)> on_progress = {};  ///< every few thousand packets
    /// Called on the thread of run() for each message of the probe (weir_log, dp_log).
    std::function<void(const LogRecord& record)> on_log = {};
};

struct ReplaySummary {
    std::uint64_t packets = 0;  ///< of the file, those that no probe could see among them
    std::uint64_t windows = 0;
    std::vector<std::string> notices;  ///< a cut file, frames that the kernel refused; by number
};

class Replay {
public:
    /// Opens the capture, then finds, compiles and loads the probe.
    /// Errors: NotFound (file, probe, compiler), Invalid (not a capture, does not compile, no
    /// program), Permission, Rejected (verifier), Unsupported (link type). On error nothing stays
    /// in the kernel.
    [[nodiscard]] static Result<Replay> open(const ReplayOptions& options);

    /// What the user should know and that is no error.
    [[nodiscard]] const std::vector<std::string>& notices() const;

    /// The tables that windows will have, without rows: their shapes and layouts. They borrow from
    /// the replay.
    [[nodiscard]] std::vector<Table> tables() const;

    /// Once. Runs packets and reports windows until the file ends, max_windows are reported, or
    /// `stop_fd` is readable (then the open window is reported). A window that the end closes ends
    /// with the latest packet. A packet earlier than the open window belongs to it. An empty file
    /// has no window. Errors: what sink.report() said, Io; Invalid (a second run).
    /// Cost: 1.4 us a packet and what the probe takes; a window costs what its maps cost.
    [[nodiscard]] Result<ReplaySummary> run(WindowSink& sink, int stop_fd);

    Replay(Replay&&) noexcept;
    Replay& operator=(Replay&&) noexcept;
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;
    ~Replay();

private:
    struct State;
    explicit Replay(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir

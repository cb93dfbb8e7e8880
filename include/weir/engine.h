// SPDX-License-Identifier: Apache-2.0
#pragma once
// Start here: puts a probe on an interface and hands over every window.
//
//     auto engine = weir::Engine::inject({.probe = {.file = "ddos"}, .interface = "eth0"});
//     if (!engine) return report(engine.error());
//     auto done = engine->run(sink, stop_fd);
//
// Ownership: the Engine owns everything it made in the kernel; the interface is free again when it
// dies, also when the process is killed. Thread rule: inject() and run() on one thread, the engine
// thread; a sink is called on the probe's own worker thread. Kernel: 5.15.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weir/result.h"

namespace weir {

namespace table {
struct Table;
}

enum class AttachMode { Skb, Drv, Hw };

/// Which probe, and how it is built and loaded.
struct ProbeOptions {
    std::string file = "ddos";  ///< shipped name, directory, source or object
    std::string program = {};   ///< entry function, where the source has several
    std::vector<std::string> cflags = {};
    std::vector<std::string> window_maps = {};   ///< maps to make windowed
    std::vector<std::string> persist_maps = {};  ///< maps to make persistent
    std::vector<std::pair<std::string, std::string>> settings =
        {};  ///< {"PROBE.PARAM" or "PROBE.MAP.max_entries", value}
};

struct InjectOptions {
    ProbeOptions probe = {};
    std::string interface = {};
    std::chrono::nanoseconds window = std::chrono::seconds(10);  ///< 50 ms at least
    AttachMode mode = AttachMode::Skb;
    bool is_strict = false;         ///< fail rather than fall back to Skb
    std::uint64_t max_windows = 0;  ///< run() returns after so many; 0: never
    /// Called when all is loaded and packets are next, with the bytes that the maps take.
    std::function<void(std::uint64_t map_bytes)> before_attach = {};
};

/// Microseconds each stage took; total: from the flip to the report.
struct StageTimings {
    double flip = 0, grace = 0, read = 0, extract = 0, predict = 0, total = 0;
};

/// Frames of a capture that the kernel does not run a program on; they cut windows all the same.
struct UnseenFrames {
    std::uint64_t too_short = 0;  ///< no whole Ethernet header: under 14 bytes
    std::uint64_t too_long = 0;   ///< more than the kernel has buffers for (docs/kernel.md)
};

struct WindowHealth {
    std::uint64_t late = 0;  ///< grid points that passed before the window could close
    std::uint64_t tail_call_misses =
        0;                            ///< packets that found no probe; 0 unless something is wrong
    std::uint64_t truncated = 0;      ///< tables of which not everything could be read
    std::vector<std::string> errors;  ///< what failed in this window; counting went on
    std::vector<std::string> not_frozen;  ///< maps that the kernel writes at any time (timers)
    std::optional<UnseenFrames> unseen;   ///< replay only: frames that no probe can see
};

/// What became of the packets that entered a probe. Where the probe keeps a flow tensor
/// (weir/flow.h) each of them has one outcome: entered = recorded + beyond + untracked + ignored.
struct PacketCounts {
    std::uint64_t entered = 0;
    bool has_outcomes = false;    ///< the probe keeps a flow tensor; else the rest is 0
    std::uint64_t recorded = 0;   ///< their features are in the tensor
    std::uint64_t beyond = 0;     ///< later packets of a flow, counted in it
    std::uint64_t untracked = 0;  ///< of flows for which there was no room
    std::uint64_t ignored = 0;    ///< not this probe's traffic
};

/// One closed window. Its tables are exclusively the reader's until report() returns.
struct Window {
    std::uint64_t number = 0;  ///< 1 is the first
    std::string probe, interface, hook, mode;
    std::int64_t start_ns = 0, end_ns = 0;  ///< Unix time of the flips that opened and closed it
    PacketCounts packets;
    std::uint64_t skipped = 0;  ///< replay: this is a run of so many empty windows, told as one
    StageTimings timings_us;
    WindowHealth health;
    std::span<const table::Table> tables;
};

/// What becomes of a window. Called on the probe's worker thread, one window at a time; taking
/// longer than a window makes the next one late, and loses nothing.
class WindowSink {
public:
    WindowSink() = default;
    WindowSink(const WindowSink&) = delete;
    WindowSink& operator=(const WindowSink&) = delete;
    virtual ~WindowSink() = default;

    /// Turns the tables into what is to be reported; its time is `extract`.
    virtual void extract(const Window& window) = 0;
    /// Reports, with every timing known. An error ends run().
    [[nodiscard]] virtual Result<> report(const Window& window) = 0;
};

class Engine {
public:
    /// Finds, compiles and loads the probe, and attaches it. Packets are counted when it returns.
    /// Errors: NotFound (probe, interface, compiler), Invalid (does not compile, no program, window
    /// under 50 ms), Permission, Busy (somebody else's program is there), Rejected (verifier),
    /// Unsupported. On error nothing stays in the kernel.
    [[nodiscard]] static Result<Engine> inject(const InjectOptions& options);

    /// What the user should know and that is no error: a fall-back, a faster mode.
    [[nodiscard]] const std::vector<std::string>& notices() const;
    [[nodiscard]] const std::string& mode() const;

    /// Once. Closes windows on a fixed grid until `stop_fd` is readable (then closes the open one
    /// at once), max_windows are reported, or the interface vanishes. Errors: NotFound (the
    /// interface vanished; the open window was reported), what sink.report() said, Io, what
    /// clearing a map said ten times in a row; Invalid (a second run). The sink is not used once it
    /// returns.
    [[nodiscard]] Result<> run(WindowSink& sink, int stop_fd);

    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine();

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir

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

#include "weir/hook.h"
#include "weir/log.h"
#include "weir/result.h"
#include "weir/window.h"

namespace weir {

enum class AttachMode { Skb, Drv, Hw };

/// Which probe, and how it is built and loaded.
struct ProbeOptions {
    std::string file = "ddos";  ///< shipped name, directory, source or object
    std::string name = {};      ///< how reports and settings call it; empty: the file's
    std::string program = {};   ///< entry function, where the source has several
    std::vector<std::string> cflags = {};
    std::vector<std::string> window_maps = {};   ///< maps to make windowed
    std::vector<std::string> persist_maps = {};  ///< maps to make persistent
    std::vector<std::pair<std::string, std::string>> settings =
        {};  ///< {"PROBE.PARAM" or "PROBE.MAP.max_entries", value}
};

class Extractor;  // weir/extractor.h

/// What looks at every window, besides the report.
struct ExtractorOptions {
    std::string file = {};  ///< .so, .cpp or .py; empty: none
    /// In place of a file: makes one of this program's own, on the worker thread.
    std::function<std::unique_ptr<Extractor>()> make = {};
    std::string model = {};  ///< handed to it as it is
};

/// Which flows are an attack: a neural network, run on every window's flow tensor.
struct ModelOptions {
    std::string file = {};     ///< .h5, .keras, .onnx; empty: none
    bool is_optional = false;  ///< where it cannot run or does not fit: a notice, and no model
    std::string profile = {};  ///< --profile; empty: model.toml, else by the features
    std::optional<double> threshold = {};  ///< none: the profile's, else 0.5
    bool use_cuda = false;                 ///< on a GPU
    int threads = 1;                       ///< that predict beside each other
    std::size_t max_alerts = SIZE_MAX;     ///< in a window
    bool lists_all = false;                ///< every flow is an alert, with its score
};

struct InjectOptions {
    ProbeOptions probe = {};
    ExtractorOptions extractor = {};
    ModelOptions model = {};
    std::string interface = {};
    std::optional<Hook> hook = {};  ///< none: xdp, or tc-ingress for a program that is for tc
    std::chrono::nanoseconds window = std::chrono::seconds(10);  ///< 50 ms at least
    AttachMode mode = AttachMode::Skb;
    bool is_strict = false;         ///< fail rather than fall back to Skb
    std::uint64_t max_windows = 0;  ///< run() returns after so many; 0: never
    /// Called on the engine's thread while windows go on, for what a user should know at once.
    std::function<void(const std::string& notice)> on_notice = {};
    /// Called on the engine's thread for each message of the probe (weir_log, dp_log).
    std::function<void(const LogRecord& record)> on_log = {};
    /// Called when all is loaded and packets are next, with the bytes that the
    /// maps take, and the drains that read them.
    std::function<void(std::uint64_t map_bytes)> before_attach = {};
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
    /// False: it looks at none. Tables that an extractor has not asked for are not read then.
    [[nodiscard]] virtual bool wants_tables() const { return true; }
    /// Reports, with every timing known. An error ends run().
    [[nodiscard]] virtual Result<> report(const Window& window) = 0;
};

struct RunOptions;  // weir/policy.h

class Engine {
public:
    /// Finds, compiles and loads the probe, and attaches it. Packets are counted when it returns.
    /// Errors: NotFound (probe, interface, compiler), Invalid (does not compile, no program, window
    /// under 50 ms), Permission, Busy (somebody else's program is there), Rejected (verifier),
    /// Unsupported. On error nothing stays in the kernel.
    [[nodiscard]] static Result<Engine> inject(const InjectOptions& options);

    /// The same for a policy: many probes, on hooks of many interfaces. Interfaces that match later
    /// are taken up, those that vanish are let go. Errors: as inject(), each with the probe and the
    /// hook; an interface that is not there is none.
    [[nodiscard]] static Result<Engine> start(RunOptions options);

    /// What the user should know and that is no error: a fall-back, a faster mode.
    [[nodiscard]] const std::vector<std::string>& notices() const;
    /// How the program of the first hook is attached: "skb", "drv", "hw", "tcx", "clsact".
    [[nodiscard]] std::string mode() const;

    /// Once. Closes windows on a fixed grid until `stop_fd` is readable (then closes the open one
    /// at once), max_windows are reported, or the interface vanishes. Errors: NotFound (the
    /// interface vanished; the open window was reported), what sink.report() said, Io, what
    /// clearing a map said ten times in a row; Invalid (a second run). The sink is not used once it
    /// returns.
    [[nodiscard]] Result<> run(WindowSink& sink, int stop_fd);
    /// After start(): windows go to the sinks that RunOptions makes.
    [[nodiscard]] Result<> run(int stop_fd);

    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine();

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    [[nodiscard]] Result<> run_loop(WindowSink* sink, int stop_fd);
    std::unique_ptr<State> state_;
};

}  // namespace weir

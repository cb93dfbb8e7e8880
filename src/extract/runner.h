// SPDX-License-Identifier: Apache-2.0
#pragma once
// An extractor while it runs: loaded from what -e names, called once a window, fenced. Nothing that
// it throws or returns ends more than its own turn.
//
//     auto runner = Runner::open({.file = "top.cpp"}, context, share);    // on the worker thread
//     runner->run(window, source);                                        // sets window.extraction
//
// Ownership: owns the extractor and its library, which is unloaded with it. Thread rule: made, used
// and destroyed on one thread (the probe's worker); overrun() on any.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "weir/extractor.h"
#include "weir/result.h"

namespace weir::extract {

class Runner {
public:
    /// `file`: .so, .cpp or .py. Loads it and calls setup().
    /// Errors: NotFound, Invalid (does not compile, no extractor in it, Python's traceback),
    /// Unsupported (another ABI version; no Python on this machine), what setup() said.
    [[nodiscard]] static Result<std::unique_ptr<Runner>> open(const std::string& file,
                                                              const ExtractorContext& context,
                                                              const std::filesystem::path& share);
    /// One that is there already. Errors: what setup() said.
    [[nodiscard]] static Result<std::unique_ptr<Runner>> start(std::string name,
                                                               std::unique_ptr<Extractor> extractor,
                                                               const ExtractorContext& context);
    /// Calls teardown().
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    /// Sets window.extraction, or tells in window.health.errors why there is none.
    void run(Window& window, TableSource* source);
    /// What goes wrong is told with the window that comes next.
    void take(const PacketCopy& packet);
    [[nodiscard]] bool reads_late() const { return reads_late_; }
    /// The extractor has taken two windows: asks it to come to an end. Returns at once.
    void overrun() noexcept { extractor_->on_overrun(); }

private:
    [[nodiscard]] Result<> set_up(const ExtractorContext& context);
    Runner(std::string name, std::shared_ptr<void> library, std::unique_ptr<Extractor> extractor)
        : name_(std::move(name)), library_(std::move(library)), extractor_(std::move(extractor)) {}

    std::string name_;                      // for messages: the file's name
    std::shared_ptr<void> library_;         // outlives the extractor, whose code it holds
    std::unique_ptr<Extractor> extractor_;  // destroyed first
    bool reads_late_ = false;
    std::uint64_t failed_packets_ = 0;  // since the last window
    std::string packet_error_;          // of the first of them
};

}  // namespace weir::extract

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe while it runs: the readers of both clones, the worker, and the window at hand.
//
// Its twin (the clone that packets do not enter) goes round: clean -> [flip] -> retired -> read ->
// with the worker -> released -> cleared -> clean. Only a clean twin may be flipped to.
//
// Ownership: owns readers and worker; borrows the clone pair. Thread rule: the engine's thread, but
// for finish_window(), which runs on the worker.
#include <array>
#include <memory>
#include <vector>

#include "engine/worker.h"
#include "probe/clone_pair.h"
#include "table/table.h"
#include "util/clock.h"
#include "weir/engine.h"
#include "weir/result.h"

namespace weir {

class ProbeSession {
public:
    /// `pair` must outlive the session. Errors: Io, Permission.
    [[nodiscard]] static Result<std::unique_ptr<ProbeSession>> create(const ClonePair& pair);

    [[nodiscard]] Worker& worker() { return *worker_; }
    /// Whether the twin is empty and nobody's: the window may close.
    [[nodiscard]] bool is_twin_clean() const { return is_twin_clean_; }

    /// Reads every table of the retired clone into `window`; what fails is named in its health.
    void read(unsigned retired, Window window);
    /// Hands the window to the worker: extract, predict, report. `flipped_ns`: for the total.
    void hand_over(WindowSink& sink, Nanoseconds flipped_ns);
    /// The window that was read last. Not while the worker has it.
    [[nodiscard]] const Window& window() const { return window_; }
    /// After the worker is done: clears the retired clone, so that packets may enter it again.
    /// On error the twin stays unclean and the next call tries again.
    [[nodiscard]] Result<> clear();

private:
    ProbeSession(const ClonePair& pair, std::unique_ptr<Worker> worker)
        : pair_(pair), worker_(std::move(worker)) {}
    [[nodiscard]] Result<> open_readers();
    [[nodiscard]] Result<> finish_window(WindowSink& sink, Nanoseconds flipped_ns);

    const ClonePair& pair_;
    std::unique_ptr<Worker> worker_;
    std::array<std::vector<table::Reader>, 2> readers_;  // windowed maps, one set per clone
    std::vector<table::Reader> shared_readers_;          // persistent maps
    std::vector<table::Table> tables_;
    Window window_;
    unsigned retired_ = 0;
    bool is_twin_clean_ = true;
};

}  // namespace weir

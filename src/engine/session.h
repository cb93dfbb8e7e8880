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
#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "bpf/ring.h"
#include "engine/worker.h"
#include "extract/runner.h"
#include "model/detector.h"
#include "probe/clone_pair.h"
#include "table/table.h"
#include "util/clock.h"
#include "weir/engine.h"
#include "weir/result.h"

namespace weir {

class ProbeSession : private TableSource {
public:
    /// `pair` must outlive the session. Errors: Io, Permission.
    [[nodiscard]] static Result<std::unique_ptr<ProbeSession>> create(const ClonePair& pair);

    ~ProbeSession() override;
    ProbeSession(const ProbeSession&) = delete;
    ProbeSession& operator=(const ProbeSession&) = delete;

    /// Loads or makes the extractor on the worker, and waits for it. Before the first window.
    /// Errors: those of extract::Runner.
    [[nodiscard]] Result<> start_extractor(const ExtractorOptions& options,
                                           const ExtractorContext& context,
                                           const std::filesystem::path& share);
    /// Gives it the model that looks at every window. Before the first window.
    /// Errors: Rejected (the probe has no flow tensor, or one that the model does not fit).
    [[nodiscard]] Result<> start_detector(std::unique_ptr<model::Detector> detector);
    /// Hands the packets that the probe copied to the extractor, and waits for it: a replay has no
    /// other time for it. Not while the worker has a window.
    void deliver_copies();
    /// Where the extractor has had the window at hand for `limit`: asks it to come to an end.
    /// Returns for how long it has had it, 0 where it has none.
    Nanoseconds watch_extractor(Nanoseconds now, Nanoseconds limit);

    [[nodiscard]] Worker& worker() { return *worker_; }
    /// The tables that windows will have, without rows.
    [[nodiscard]] std::vector<table::Table> unread_tables() const;
    /// Whether the twin is empty and nobody's: the window may close.
    [[nodiscard]] bool is_twin_clean() const { return is_twin_clean_; }

    /// Reads every table of the retired clone into `window`; what fails is named in its health.
    void read(unsigned retired, Window window);
    /// Hands the window to the worker: predict, extract, report. `flipped_ns`: for the total.
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
    void read_tables(unsigned retired);
    /// TableSource: on the worker, which has the window then.
    [[nodiscard]] Result<> read(std::size_t index) override;
    [[nodiscard]] Result<std::shared_ptr<const void>> leave_memory(std::size_t index) override;
    void read_rest();
    [[nodiscard]] Result<> open_copies(bool is_replay);
    void take_copies(unsigned clone);
    void detect();
    [[nodiscard]] Result<> finish_window(WindowSink& sink, Nanoseconds flipped_ns);

    const ClonePair& pair_;
    std::unique_ptr<Worker> worker_;
    std::array<std::vector<table::Reader>, 2> readers_;  // windowed maps, one set per clone
    std::vector<table::Reader> shared_readers_;          // persistent maps
    std::unique_ptr<extract::Runner> runner_;            // the worker's; null: no extractor
    std::unique_ptr<model::Detector> detector_;          // null: no model
    std::array<std::unique_ptr<bpf::Ring>, 2> copies_;   // one per clone; null: it makes none
    unsigned current_ = 0;                 // the worker's: the clone of the window to come
    std::vector<table::Reader*> sources_;  // beside tables_: who reads it
    std::vector<bool> are_read_;           // beside tables_
    std::vector<table::Table> tables_;
    Window window_;
    std::atomic<Nanoseconds> extracting_since_ = 0;  // 0: it is not
    bool is_overrun_told_ = false;
    unsigned retired_ = 0;
    bool is_twin_clean_ = true;
};

}  // namespace weir

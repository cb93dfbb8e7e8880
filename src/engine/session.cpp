// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>
#include <utility>

#include "util/clock.h"
#include "weir/abi.h"

namespace weir {
namespace {

constexpr std::size_t kCopiesAtOnce = 256;              // then a window that waits is looked at
constexpr auto kMoment = std::chrono::milliseconds(1);  // the grace period takes longer
constexpr std::size_t kAllCopies = std::numeric_limits<std::size_t>::max();

}  // namespace

Result<std::unique_ptr<ProbeSession>> ProbeSession::create(const ClonePair& pair) {
    auto worker = Worker::start();
    if (!worker) return pass_on(worker);
    std::unique_ptr<ProbeSession> session(new ProbeSession(pair, std::move(*worker)));
    if (auto r = session->open_readers(); !r) return pass_on(r);
    return session;
}

Result<> ProbeSession::open_readers() {
    for (const unsigned clone : {0U, 1U}) {
        for (const CloneMap& m : pair_.clone(clone).maps()) {
            const bool is_shared = m.policy.map_class == MapClass::Persistent;
            if (is_shared && clone == 1) continue;
            if (!m.policy.is_exported && !m.policy.clear_after_window) continue;
            auto reader = table::Reader::create(m.map, m.policy, m.image, m.flow_heads);
            if (!reader) return wrap(reader, "map " + m.map.name());
            (is_shared ? shared_readers_ : readers_[clone]).push_back(std::move(*reader));
        }
    }
    return {};
}

ProbeSession::~ProbeSession() {
    if (!runner_) return;
    // Its code ran on the worker, and ends there.
    worker_->post([this]() -> Result<> {
        runner_.reset();
        return {};
    });
    (void)worker_->take_result();
    worker_.reset();  // it watches the rings
}

Result<> ProbeSession::start_extractor(const ExtractorOptions& options,
                                       const ExtractorContext& context,
                                       const std::filesystem::path& share) {
    worker_->post([&]() -> Result<> {
        auto runner = options.make
                          ? extract::Runner::start("of this program", options.make(), context)
                          : extract::Runner::open(options.file, context, share);
        if (!runner) return pass_on(runner);
        runner_ = std::move(*runner);
        return {};
    });
    if (auto r = worker_->take_result(); !r) return r;
    return open_copies(context.is_replay);
}

Result<> ProbeSession::open_copies(bool is_replay) {
    for (const unsigned clone : {0U, 1U}) {
        const bpf::Map* map = pair_.clone(clone).find_map("weir_copies");
        if (map == nullptr) return {};
        auto ring = bpf::Ring::open(*map, [this, is_replay](std::span<const std::byte> record) {
            weir_packet_copy copy;
            if (record.size() < sizeof(copy)) return;
            std::memcpy(&copy, record.data(), sizeof(copy));  // SAFETY: as large, see above
            const auto time = static_cast<Nanoseconds>(copy.time);
            const std::size_t bytes = std::min<std::size_t>(copy.copied, sizeof(copy.data));
            runner_->take({.time_ns = is_replay ? time : time + unix_offset_ns(),
                           .length = copy.length,
                           .bytes = std::as_bytes(std::span(copy.data, bytes))});
        });
        if (!ring) return wrap(ring, "copies of packets");
        copies_.at(clone) = std::move(*ring);
        worker_->watch(copies_.at(clone)->fd(), [this, clone] { take_copies(clone); });
    }
    return {};
}

/// Those of the next window wait until on_window() has had this one, which is about to come.
void ProbeSession::take_copies(unsigned clone) {
    if (clone == current_) return copies_.at(clone)->consume(kCopiesAtOnce);
    std::this_thread::sleep_for(kMoment);
}

Result<> ProbeSession::start_detector(std::unique_ptr<model::Detector> detector) {
    for (const table::Reader& reader : readers_[0]) {
        const table::Table table = reader.unread();
        if (table.flows == nullptr) continue;
        if (auto r = detector->fit(*table.flows, *table.shape->value); !r) return r;
        detector_ = std::move(detector);
        return {};
    }
    return fail(Errc::Rejected, "the probe " + pair_.name() + " has no flow tensor for the model",
                "the probe ddos has one; weir/flow.h makes one in yours");
}

void ProbeSession::deliver_copies() {
    for (const auto& ring : copies_) {
        if (!ring || ring->is_empty()) continue;
        worker_->post([&]() -> Result<> {
            ring->consume(kAllCopies);
            return {};
        });
        (void)worker_->take_result();
    }
}

Nanoseconds ProbeSession::watch_extractor(Nanoseconds now, Nanoseconds limit) {
    const Nanoseconds since = extracting_since_;
    if (since == 0) return 0;
    if (now - since >= limit && !std::exchange(is_overrun_told_, true)) runner_->overrun();
    return now - since;
}

std::vector<table::Table> ProbeSession::unread_tables() const {
    std::vector<table::Table> tables;
    for (const auto* readers : {&readers_[0], &shared_readers_})
        for (const table::Reader& reader : *readers)
            if (reader.policy().is_exported) tables.push_back(reader.unread());
    return tables;
}

void ProbeSession::read(unsigned retired, Window window) {
    const Nanoseconds begin = monotonic_ns();
    retired_ = retired;
    is_twin_clean_ = false;
    window_ = std::move(window);
    tables_.clear();
    sources_.clear();
    for (auto* readers : {&readers_[retired], &shared_readers_})
        for (table::Reader& reader : *readers)
            if (reader.policy().is_exported) {
                tables_.push_back(reader.unread());
                sources_.push_back(&reader);
            }
    are_read_.assign(tables_.size(), false);
    window_.tables = tables_;
    window_.packets.has_outcomes = std::ranges::any_of(
        tables_, [](const table::Table& table) { return table.flows != nullptr; });
    window_.health.not_frozen = pair_.not_frozen();
    if (!runner_ || !runner_->reads_late()) read_rest();
    window_.timings_us.read = static_cast<double>(monotonic_ns() - begin) / 1e3;
}

Result<> ProbeSession::read(std::size_t index) {
    if (are_read_[index]) return {};
    auto table = sources_[index]->read();
    if (!table) return pass_on(table);
    are_read_[index] = true;
    window_.health.truncated += table->is_truncated ? 1 : 0;
    if (table->flows != nullptr) table->is_saturated |= window_.packets.untracked > 0;
    tables_[index] = *table;
    return {};
}

Result<std::shared_ptr<const void>> ProbeSession::leave_memory(std::size_t index) {
    auto left = sources_[index]->leave_memory(tables_[index]);
    if (!left) return wrap(left, "table " + tables_[index].shape->name);
    ++window_.health.escaped;
    return left;
}

void ProbeSession::read_rest() {
    for (std::size_t i = 0; i < tables_.size(); ++i)
        if (auto r = read(i); !r)
            window_.health.errors.push_back("map " + tables_[i].shape->name + ": " +
                                            r.error().message);
}

void ProbeSession::hand_over(WindowSink& sink, Nanoseconds flipped_ns) {
    is_overrun_told_ = false;
    worker_->post([this, &sink, flipped_ns] { return finish_window(sink, flipped_ns); });
}

/// Scores the flows, or tells in the window's health why there are no scores.
void ProbeSession::detect() {
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        if (tables_[i].flows == nullptr) continue;
        if (auto r = read(i); !r) return;  // read_rest() tells
        auto detection = detector_->run(tables_[i], window_.timings_us);
        if (detection)
            window_.detection = std::move(*detection);
        else
            window_.health.errors.push_back("model: " + detection.error().message);
        return;
    }
}

Result<> ProbeSession::finish_window(WindowSink& sink, Nanoseconds flipped_ns) {
    if (detector_) detect();  // first: an extractor sees the scores
    const Nanoseconds begin = monotonic_ns();
    if (runner_) {
        extracting_since_ = begin;
        if (copies_.at(retired_)) copies_.at(retired_)->consume(kAllCopies);
        runner_->run(window_, this);
        extracting_since_ = 0;
        current_ = retired_ ^ 1;
        if (runner_->reads_late() && sink.wants_tables()) read_rest();
    }
    sink.extract(window_);
    const Nanoseconds end = monotonic_ns();
    window_.timings_us.extract = static_cast<double>(end - begin) / 1e3;
    window_.timings_us.total = static_cast<double>(end - flipped_ns) / 1e3;
    return sink.report(window_);
}

Result<> ProbeSession::clear() {
    for (auto* readers : {&readers_[retired_], &shared_readers_})
        for (table::Reader& reader : *readers)
            if (auto r = reader.clear(); !r) return wrap(r, "clear " + reader.map().name());
    is_twin_clean_ = true;
    return {};
}

}  // namespace weir

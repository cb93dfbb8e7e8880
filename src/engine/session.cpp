// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include "util/clock.h"

namespace weir {

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

void ProbeSession::read(unsigned retired, Window window) {
    const Nanoseconds begin = monotonic_ns();
    retired_ = retired;
    is_twin_clean_ = false;
    window_ = std::move(window);
    tables_.clear();
    const auto note = [&](const std::string& what, Error& error) {
        window_.health.errors.push_back(what + ": " + error.message);
    };
    for (auto* readers : {&readers_[retired], &shared_readers_}) {
        for (table::Reader& reader : *readers) {
            if (!reader.policy().is_exported) continue;
            auto table = reader.read();
            if (!table) {
                note("map " + reader.map().name(), table.error());
                continue;
            }
            window_.health.truncated += table->is_truncated ? 1 : 0;
            if (table->flows != nullptr) {
                window_.packets.has_outcomes = true;
                table->is_saturated |= window_.packets.untracked > 0;
            }
            tables_.push_back(*table);
        }
    }
    window_.health.not_frozen = pair_.not_frozen();
    window_.tables = tables_;
    window_.timings_us.read = static_cast<double>(monotonic_ns() - begin) / 1e3;
}

void ProbeSession::hand_over(WindowSink& sink, Nanoseconds flipped_ns) {
    worker_->post([this, &sink, flipped_ns] { return finish_window(sink, flipped_ns); });
}

Result<> ProbeSession::finish_window(WindowSink& sink, Nanoseconds flipped_ns) {
    const Nanoseconds begin = monotonic_ns();
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

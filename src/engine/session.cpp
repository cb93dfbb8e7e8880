// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include <numeric>

#include "util/clock.h"
#include "weir/abi.h"

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
            auto reader = table::Reader::create(m.map, m.policy, m.image);
            if (!reader) return wrap(reader, "map " + m.map.name());
            (is_shared ? shared_readers_ : readers_[clone]).push_back(std::move(*reader));
        }
    }
    return {};
}

Result<std::uint64_t> ProbeSession::read_entered(unsigned clone) const {
    const bpf::Map& counts = pair_.clone(clone).counts();
    std::vector<weir_counts> per_cpu(counts.lookup_bytes() / sizeof(weir_counts));
    const std::uint32_t zero = 0;
    if (auto r = counts.lookup(&zero, per_cpu.data()); !r) return pass_on(r);
    return std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const weir_counts& c) { return sum + c.entered; });
}

Result<> ProbeSession::clear_counts(unsigned clone) const {
    const bpf::Map& counts = pair_.clone(clone).counts();
    const std::vector<std::byte> zeros(counts.lookup_bytes());
    const std::uint32_t zero = 0;
    return counts.update(&zero, zeros.data());
}

void ProbeSession::read(unsigned retired, Window window, Nanoseconds begin_ns) {
    retired_ = retired;
    is_twin_clean_ = false;
    window_ = std::move(window);
    tables_.clear();
    const auto note = [&](const std::string& what, Error& error) {
        window_.health.errors.push_back(what + ": " + error.message);
    };
    if (auto entered = read_entered(retired))
        window_.entered = *entered;
    else
        note("entered", entered.error());
    for (auto* readers : {&readers_[retired], &shared_readers_}) {
        for (table::Reader& reader : *readers) {
            if (!reader.policy().is_exported) continue;
            auto table = reader.read();
            if (!table) {
                note("map " + reader.map().name(), table.error());
                continue;
            }
            window_.health.truncated += table->is_truncated ? 1 : 0;
            tables_.push_back(*table);
        }
    }
    window_.health.not_frozen = pair_.not_frozen();
    window_.tables = tables_;
    window_.timings_us.read = static_cast<double>(monotonic_ns() - begin_ns) / 1e3;
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
    if (auto r = clear_counts(retired_); !r) return wrap(r, "clear");
    is_twin_clean_ = true;
    return {};
}

}  // namespace weir

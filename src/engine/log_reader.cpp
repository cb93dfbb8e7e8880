// SPDX-License-Identifier: Apache-2.0
#include "engine/log_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "util/clock.h"
#include "weir/abi.h"

namespace weir {
namespace {

constexpr std::size_t kAtOnce = 1024;  // more than the ring holds: what comes meanwhile waits

}  // namespace

Result<std::unique_ptr<LogReader>> LogReader::open(const ClonePair& pair, Options options) {
    const bpf::Map* map = pair.clone(0).find_map("weir_logs");
    if (map == nullptr) return nullptr;
    std::unique_ptr<LogReader> reader(new LogReader(pair.name(), std::move(options)));
    auto ring = bpf::Ring::open(
        *map, [self = reader.get()](std::span<const std::byte> bytes) { self->take(bytes); });
    if (!ring) return wrap(ring, "log");
    reader->ring_ = std::move(*ring);
    return reader;
}

void LogReader::drain() { ring_->consume(kAtOnce); }

void LogReader::take(std::span<const std::byte> bytes) const {
    weir_log_record record;
    if (bytes.size() < sizeof(record) || !options_.on_log) return;
    std::memcpy(&record, bytes.data(), sizeof(record));  // SAFETY: as large, see above
    const auto time = static_cast<Nanoseconds>(record.time);
    const std::size_t length = std::min<std::size_t>(record.length, WEIR_LOG_BYTES);
    options_.on_log({.probe = probe_,
                     .cpu = record.cpu,
                     .level = record.level,
                     .unix_ns = options_.is_replay ? time : time + unix_offset_ns(),
                     .text = std::string(record.text, length)});
}

}  // namespace weir

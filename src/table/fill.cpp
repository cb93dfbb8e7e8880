// SPDX-License-Identifier: Apache-2.0
#include "table/fill.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "probe/read_size.h"
#include "table/scan.h"

namespace weir::table {
namespace {

constexpr std::size_t kIdleSteps = 64;        // calls in a row that bring nothing before we give up
constexpr std::uint32_t kMaxBatch = 16384;    // beyond this a call costs no less per row
constexpr std::uint32_t kMinBatch = 64;       // more than a bucket of a fitting hash ever holds
constexpr std::size_t kBatchBytes = 1 << 20;  // memory asked for ahead; an empty map holds no more

std::uint32_t first_batch_rows(const bpf::Map& map) {
    const std::size_t row_bytes = std::size_t{map.shape().key_bytes} + map.lookup_bytes();
    const auto fitting = static_cast<std::uint32_t>(
        std::min<std::size_t>(kBatchBytes / std::max<std::size_t>(row_bytes, 1), kMaxBatch));
    const auto needed =
        static_cast<std::uint32_t>(std::min<std::size_t>(row_limit(map.shape()), kMaxBatch));
    return std::min(std::max(fitting, kMinBatch), needed);
}

std::byte* key_at(const bpf::Map& map, const Rows& rows, std::size_t i) {
    return rows.keys.data() + i * map.shape().key_bytes;
}

std::byte* value_at(const bpf::Map& map, const Rows& rows, std::size_t i) {
    return rows.values.data() + i * map.lookup_bytes();
}

void make_room(const bpf::Map& map, Rows& rows, std::size_t more) {
    const std::size_t key = map.shape().key_bytes;
    const std::size_t value = map.lookup_bytes();
    rows.keys.reserve((rows.count + more) * key, rows.count * key);
    rows.values.reserve((rows.count + more) * value, rows.count * value);
}

void start(Rows& rows) {
    rows.count = 0;
    rows.is_truncated = false;
}

/// Takes the `fresh` rows that lie behind the kept ones; of ARRAY kinds only those that hold
/// something.
void keep(const bpf::Map& map, Rows& rows, std::size_t fresh) {
    if (!is_array(map.shape().kind) || map.shape().is_globals) {
        rows.count += fresh;
        return;
    }
    const std::size_t first = rows.count;
    for (std::size_t i = first; i < first + fresh; ++i) {
        if (is_all_zero(value_at(map, rows, i), map.lookup_bytes())) continue;
        if (i != rows.count) {
            std::memcpy(key_at(map, rows, rows.count), key_at(map, rows, i), map.shape().key_bytes);
            std::memcpy(value_at(map, rows, rows.count), value_at(map, rows, i),
                        map.lookup_bytes());
        }
        ++rows.count;
    }
}

std::vector<std::byte> make_cursor(const bpf::Map& map) {
    return std::vector<std::byte>(std::max<std::size_t>(map.shape().key_bytes, 4));
}

}  // namespace

bool is_array(bpf::MapKind kind) {
    return kind == bpf::MapKind::Array || kind == bpf::MapKind::PercpuArray;
}

bool is_queue(bpf::MapKind kind) {
    return kind == bpf::MapKind::Queue || kind == bpf::MapKind::Stack;
}

bool is_hash_like(bpf::MapKind kind) {
    using enum bpf::MapKind;
    return kind == Hash || kind == PercpuHash || kind == LruHash || kind == LruPercpuHash;
}

bool is_keyed(bpf::MapKind kind) { return is_hash_like(kind) || kind == bpf::MapKind::LpmTrie; }

bool has_batch(const bpf::Map& map) {
    Rows one;
    make_room(map, one, 1);
    auto cursor = make_cursor(map);
    return map.lookup_batch(cursor, true, one.keys.data(), one.values.data(), 1).has_value();
}

Result<> fill_by_batch(const bpf::Map& map, Rows& rows, Reading reading) {
    const auto next = reading == Reading::Take ? &bpf::Map::take_batch : &bpf::Map::lookup_batch;
    start(rows);
    if (rows.batch_rows == 0) rows.batch_rows = first_batch_rows(map);
    auto cursor = make_cursor(map);
    bool is_first = true;
    std::size_t seen = 0;
    for (std::size_t idle = 0; idle < kIdleSteps; ++idle) {
        make_room(map, rows, rows.batch_rows);
        const auto batch = (map.*next)(cursor, is_first, key_at(map, rows, rows.count),
                                       value_at(map, rows, rows.count), rows.batch_rows);
        if (!batch) return std::unexpected(batch.error());
        if (batch->needs_room) {
            if (rows.batch_rows > row_limit(map.shape()))
                break;  // no bucket holds more than the map
            rows.batch_rows *= 2;
            continue;
        }
        keep(map, rows, batch->rows);
        if (batch->is_last) return {};
        if (batch->rows == 0) continue;
        seen += batch->rows;
        if (seen >= row_limit(map.shape())) break;
        is_first = false;
        idle = 0;
    }
    rows.is_truncated = true;
    return {};
}

Result<> fill_by_lookup(const bpf::Map& map, Rows& rows) {
    start(rows);
    const std::size_t key_bytes = map.shape().key_bytes;
    std::vector<std::byte> key(key_bytes);
    const void* previous = nullptr;
    // A deleted key sends next_key back to the start, so steps are bounded, not only rows.
    const std::size_t steps = row_limit(map.shape()) + kIdleSteps;
    for (std::size_t step = 0; step < steps && rows.count < row_limit(map.shape()); ++step) {
        auto next = map.next_key(previous, key.data());
        if (!next && next.error().code == Errc::NotFound) return {};
        if (!next) return next;
        make_room(map, rows, 1);
        std::memcpy(key_at(map, rows, rows.count), key.data(), key_bytes);
        auto found = map.lookup(key.data(), value_at(map, rows, rows.count));
        if (!found && found.error().code != Errc::NotFound) return found;
        if (found) keep(map, rows, 1);
        previous = key.data();
    }
    rows.is_truncated = true;
    return {};
}

Result<> fill_by_index(const bpf::Map& map, Rows& rows) {
    start(rows);
    for (std::uint32_t index = 0; index < map.shape().max_entries; ++index) {
        make_room(map, rows, 1);
        std::memcpy(key_at(map, rows, rows.count), &index, sizeof(index));
        if (auto r = map.lookup(&index, value_at(map, rows, rows.count)); !r) return r;
        keep(map, rows, 1);
    }
    return {};
}

Result<> fill_first(const bpf::Map& map, std::uint32_t count, Rows& rows) {
    start(rows);
    make_room(map, rows, count);
    for (std::uint32_t index = 0; index < count; ++index) {
        std::memcpy(key_at(map, rows, index), &index, sizeof(index));
        if (auto r = map.lookup(&index, value_at(map, rows, index)); !r) return r;
        ++rows.count;
    }
    return {};
}

Result<> fill_by_pop(const bpf::Map& map, Rows& rows) {
    start(rows);
    while (rows.count < row_limit(map.shape())) {
        make_room(map, rows, 1);
        auto popped = map.pop(value_at(map, rows, rows.count));
        if (!popped && popped.error().code == Errc::NotFound) return {};
        if (!popped) return popped;
        ++rows.count;
    }
    rows.is_truncated = true;
    return {};
}

Result<> erase_rows(const bpf::Map& map, const Rows& rows, Calls calls) {
    for (std::size_t i = 0; i < rows.count;) {
        if (calls == Calls::Single) {
            auto r = map.erase(key_at(map, rows, i));
            if (!r && r.error().code != Errc::NotFound) return r;
            ++i;
            continue;
        }
        const auto wanted =
            static_cast<std::uint32_t>(std::min<std::size_t>(rows.count - i, kMaxBatch));
        auto erased = map.erase_batch(key_at(map, rows, i), wanted);
        if (!erased && erased.error().code == Errc::Unsupported) {
            calls = Calls::Single;
            continue;
        }
        if (!erased) return pass_on(erased);
        i += *erased < wanted ? *erased + 1 : wanted;  // it stops at a key that is gone: step over
    }
    return {};
}

Result<> zero_rows(const bpf::Map& map, const Rows& rows, Calls calls) {
    const std::size_t value_bytes = map.lookup_bytes();
    const auto at_once = static_cast<std::uint32_t>(
        std::clamp<std::size_t>(kBatchBytes / std::max<std::size_t>(value_bytes, 1), 1, kMaxBatch));
    const std::vector<std::byte> zeros(value_bytes * std::min<std::size_t>(rows.count, at_once));
    for (std::size_t i = 0; i < rows.count;) {
        const auto wanted =
            calls == Calls::Single
                ? 1U
                : static_cast<std::uint32_t>(std::min<std::size_t>(rows.count - i, at_once));
        auto r = calls == Calls::Single
                     ? map.update(key_at(map, rows, i), zeros.data())
                     : map.update_batch(key_at(map, rows, i), zeros.data(), wanted);
        if (!r && calls == Calls::Batch && r.error().code == Errc::Unsupported) {
            calls = Calls::Single;
            continue;
        }
        if (!r) return r;
        i += wanted;
    }
    return {};
}

}  // namespace weir::table

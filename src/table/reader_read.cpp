// SPDX-License-Identifier: Apache-2.0
#include "table/reader.h"
#include "table/scan.h"

namespace weir::table {
namespace {

using bpf::MapKind;

bool is_lru(MapKind kind) { return kind == MapKind::LruHash || kind == MapKind::LruPercpuHash; }

bool is_saturated(MapKind kind, std::size_t rows, std::size_t capacity) {
    if (is_lru(kind))
        return rows * 10 >= capacity * 9;  // evictions leave no trace: full means near
    return (is_hash_like(kind) || is_queue(kind)) && rows >= capacity;
}

}  // namespace

/// A window is as full as the one before it, more often than not.
ReadWay Reader::State::next_way() const {
    if (!hash_drain || plain_way != ReadWay::Batch) return way;
    return HashDrain::is_worth(map.shape(), expected_rows) ? ReadWay::Drain : ReadWay::Batch;
}

Result<> Reader::State::fill_by_drain() {
    auto drained = drain->empty(map);
    if (!drained) return pass_on(drained);
    rows.count = drained->count;
    rows.is_truncated = drained->is_full;
    return {};
}

Result<> Reader::State::fill_by_hash_drain() {
    auto copied = hash_drain->copy();
    if (!copied) return pass_on(copied);
    rows.count = copied->count;
    rows.is_truncated = copied->is_full;
    return {};
}

/// The rows are in place already, but for what all packets of a flow touch.
Result<> Reader::State::fill_flows(FlowHeads& found) {
    found.find();
    indices.clear();
    if (way == ReadWay::Lookup)
        if (auto r = fill_first(map, found.end(), rows); !r) return r;
    found.complete(flow_rows(), bpf::value_stride(map.shape().value_bytes));
    if (!found.is_dense()) found.row_indices(indices);
    return {};
}

Result<> Reader::State::fill() {
    const bpf::MapShape& shape = map.shape();
    filled_by = next_way();
    are_taken = false;
    if (heads) return fill_flows(*heads);
    if (way == ReadWay::Mmap && !shape.is_globals) {
        find_entries(mapping.bytes().data(), bpf::value_stride(shape.value_bytes),
                     shape.max_entries, indices);
        return {};
    }
    if (way == ReadWay::Mmap) {
        indices.assign(1, 0);  // one row, also where every variable is zero
        return {};
    }
    if (drain) return fill_by_drain();
    if (is_queue(shape.kind)) return fill_by_pop(map, rows);
    if (filled_by == ReadWay::Drain) return fill_by_hash_drain();
    if (filled_by == ReadWay::Batch) {
        // Reading and deleting at once costs half of one after the other; the rows are kept here.
        are_taken = is_hash_like(shape.kind) && policy.map_class == MapClass::Windowed;
        return fill_by_batch(map, rows, are_taken ? Reading::Take : Reading::Keep);
    }
    return is_array(shape.kind) ? fill_by_index(map, rows) : fill_by_lookup(map, rows);
}

Table Reader::State::table() const {
    const bpf::MapShape& shape = map.shape();
    Table out{.shape = &shape,
              .map_class = policy.map_class,
              .way = filled_by,
              .rows = rows.count,
              .capacity = flows ? shape.max_flows : shape.max_entries,
              .is_truncated = rows.is_truncated,
              .cpus = bpf::is_percpu(shape.kind) ? bpf::possible_cpus() : 0,
              .flows = flows ? &*flows : nullptr,
              .keys = is_queue(shape.kind) ? nullptr : rows.keys.data(),
              .values = rows.values.data(),
              .value_step = map.lookup_bytes(),
              .map_fd = map.fd()};
    if (heads) {
        out.rows = heads->flows();
        out.indices = indices;
        out.values = flow_rows();
        out.value_step = bpf::value_stride(shape.value_bytes);
    } else if (way == ReadWay::Mmap) {
        out.rows = indices.size();
        out.indices = indices;
        out.values = mapping.bytes().data();
        out.value_step = bpf::value_stride(shape.value_bytes);
    }
    if (drain) {
        out.values = drain->rows();
        out.value_step = bpf::value_stride(shape.value_bytes);
    }
    if (hash_drain && filled_by == ReadWay::Drain) {
        out.keys = hash_drain->keys();
        out.values = hash_drain->values();
        out.key_step = out.value_step = hash_drain->row_bytes();
    }
    out.is_saturated =
        heads ? heads->given() >= out.capacity : is_saturated(shape.kind, out.rows, out.capacity);
    return out;
}

Result<Table> Reader::read() {
    State& s = *state_;
    if (s.way == ReadWay::None) return s.table();
    s.is_read = false;
    if (auto r = s.fill(); !r) return wrap(r, "read map " + s.map.name());
    s.is_read = true;
    s.expected_rows = s.rows.count;
    return s.table();
}

Table Reader::unread() const {
    const Table like = state_->table();
    return {.shape = like.shape,
            .map_class = like.map_class,
            .capacity = like.capacity,
            .cpus = like.cpus,
            .flows = like.flows,
            .map_fd = like.map_fd};
}

}  // namespace weir::table

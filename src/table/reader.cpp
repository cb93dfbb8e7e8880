// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "probe/read_size.h"
#include "table/drain.h"
#include "table/fill.h"
#include "table/flow_heads.h"
#include "table/flow_tensor.h"
#include "table/hash_drain.h"
#include "table/scan.h"
#include "table/table.h"
#include "util/env.h"

namespace weir::table {
namespace {

using bpf::MapKind;

constexpr int kClearRounds = 8;  // a map that still has entries then is being written

bool is_hash(MapKind kind) { return kind == MapKind::Hash || kind == MapKind::PercpuHash; }

bool is_lru(MapKind kind) { return kind == MapKind::LruHash || kind == MapKind::LruPercpuHash; }

bool is_hash_like(MapKind kind) { return is_hash(kind) || is_lru(kind); }

bool is_keyed(MapKind kind) { return is_hash_like(kind) || kind == MapKind::LpmTrie; }

bool is_saturated(MapKind kind, std::size_t rows, std::size_t capacity) {
    if (is_lru(kind))
        return rows * 10 >= capacity * 9;  // evictions leave no trace: full means near
    return (is_hash(kind) || is_queue(kind)) && rows >= capacity;
}

/// What the source says of a type holds only if the kernel's map has room for it.
bpf::TypePtr checked_type(const bpf::TypePtr& type, std::uint32_t bytes) {
    return type != nullptr && type->size_bytes <= bytes ? type : bpf::opaque_type(bytes);
}

bpf::MapShape checked_shape(bpf::MapShape shape) {
    shape.key = checked_type(shape.key, shape.key_bytes);
    shape.value = checked_type(shape.value, shape.value_bytes);
    return shape;
}

}  // namespace

struct Reader::State {
    State(const bpf::Map& from, MapPolicy with, std::span<const std::byte> restore)
        : map(checked_shape(from.shape()), from.fd()),
          policy(std::move(with)),
          image(restore.begin(), restore.end()) {}

    void decide();
    [[nodiscard]] Result<> open_flows(const bpf::Map& flow_heads);
    void decide_for_queue();
    void decide_for_hash();
    [[nodiscard]] ReadWay next_way() const;
    [[nodiscard]] Calls calls() const {
        return plain_way == ReadWay::Batch ? Calls::Batch : Calls::Single;
    }
    [[nodiscard]] bpf::Map::Access access() const {
        using Access = bpf::Map::Access;
        return policy.clear_after_window || heads ? Access::ReadWrite : Access::ReadOnly;
    }
    [[nodiscard]] Result<> fill();
    [[nodiscard]] Result<> fill_flows(FlowHeads& found);
    [[nodiscard]] std::byte* flow_rows() const {
        return way == ReadWay::Mmap ? mapping.bytes().data() : rows.values.data();
    }
    [[nodiscard]] Result<> fill_by_drain();
    [[nodiscard]] Result<> fill_by_hash_drain();
    [[nodiscard]] Result<> erase();
    [[nodiscard]] Result<> clear_keyed();
    void clear_flows(const FlowHeads& found, const FlowLayout& layout);
    void clear_mapped();
    [[nodiscard]] Result<> clear_array();
    [[nodiscard]] Table table() const;
    [[nodiscard]] Result<Mapping> leave_mapping();

    bpf::Map map;
    MapPolicy policy;
    std::vector<std::byte> image;
    std::optional<FlowLayout> flows;  // a flow tensor
    std::optional<FlowHeads> heads;   // of it
    ReadWay way = ReadWay::None;
    ReadWay plain_way = ReadWay::None;      // hashes: the way of windows that a drain is not worth
    ReadWay filled_by = ReadWay::None;      // the way that the rows at hand came by
    Mapping mapping;                        // way Mmap
    std::vector<std::uint32_t> indices;     // ARRAYs: the entries that are rows
    std::unique_ptr<Drain> drain;           // way Drain: it holds the values
    std::unique_ptr<HashDrain> hash_drain;  // way Drain of a hash: it holds keys and values
    std::size_t expected_rows = 0;          // those of the window before; at first as many as fit
    Rows rows;                              // other ways; the count for all
    bool are_taken = false;                 // the rows are in the map no more
    bool is_read = false;  // rows or indices are those of the window now in the map
};

void Reader::State::decide() {
    const MapKind kind = map.shape().kind;
    if (!map.is_readable()) return;
    if (is_queue(kind)) {
        decide_for_queue();
        return;
    }
    if (map.is_mmapable() && !is_disabled("mmap")) {
        auto mapped = map.map_values(access());
        if (mapped) {  // else values with locks or timers: the slower ways read those
            mapping = std::move(*mapped);
            way = ReadWay::Mmap;
            return;
        }
    }
    if (!is_array(kind) && !is_keyed(kind)) return;
    if (heads) {
        way = ReadWay::Lookup;
        return;
    }
    way = !is_disabled("batch") && has_batch(map) ? ReadWay::Batch : ReadWay::Lookup;
    plain_way = way;
    decide_for_hash();
}

Result<> Reader::State::open_flows(const bpf::Map& flow_heads) {
    flows = flow_layout(map.shape());
    if (!flows) return fail(Errc::Invalid, "not laid out as weir/flow.h does it");
    auto opened = FlowHeads::open(flow_heads, *map.shape().value);
    if (!opened) return pass_on(opened);
    heads = std::move(*opened);
    return {};
}

void Reader::State::decide_for_hash() {
    const auto size = drain_size(map.shape(), policy);
    if (!size) return;
    auto made = HashDrain::create(map, size->rows);
    if (!made) return;  // a kernel without, values with locks or timers, or no memory
    hash_drain = std::make_unique<HashDrain>(std::move(*made));
    expected_rows = map.shape().max_entries;
    way = ReadWay::Drain;
}

/// A window is as full as the one before it, more often than not.
ReadWay Reader::State::next_way() const {
    if (!hash_drain || plain_way != ReadWay::Batch) return way;
    return HashDrain::is_worth(map.shape(), expected_rows) ? ReadWay::Drain : ReadWay::Batch;
}

void Reader::State::decide_for_queue() {
    if (!policy.clear_after_window) return;  // reading empties it
    way = ReadWay::Lookup;
    const auto size = drain_size(map.shape(), policy);
    if (!size) return;
    auto made = Drain::create(map, size->rows);
    if (!made) return;  // a kernel without, or no memory for the rows: popping needs neither
    drain = std::make_unique<Drain>(std::move(*made));
    way = ReadWay::Drain;
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

/// Deletes the rows at hand from the map.
Result<> Reader::State::erase() {
    if (are_taken) return {};
    if (filled_by == ReadWay::Drain) return hash_drain->erase(rows.count);
    return erase_rows(map, rows, calls());
}

Result<> Reader::State::clear_keyed() {
    if (is_read) {
        if (auto r = erase(); !r) return r;
    }
    // Both clones write a persistent map all the time: what came after it was read is the next
    // window's.
    if (is_read && policy.map_class == MapClass::Persistent) return {};
    std::vector<std::byte> key(map.shape().key_bytes);
    for (int round = 0; round < kClearRounds; ++round) {
        auto any = map.next_key(nullptr, key.data());
        if (!any && any.error().code == Errc::NotFound) return {};
        if (!any) return any;
        if (auto r = fill(); !r) return r;
        if (auto r = erase(); !r) return r;
    }
    // Nor need it ever be seen empty.
    if (policy.map_class == MapClass::Persistent) return {};
    return fail(Errc::Busy, "still written after its window");
}

/// Zeroes no more than was written.
void Reader::State::clear_flows(const FlowHeads& found, const FlowLayout& layout) {
    const std::size_t stride = bpf::value_stride(map.shape().value_bytes);
    for (std::size_t i = 0; i < found.end(); ++i) {
        std::byte* row = mapping.bytes().data() + i * stride;
        std::memset(row, 0, layout.used_bytes(row));
    }
}

void Reader::State::clear_mapped() {
    const std::size_t stride = bpf::value_stride(map.shape().value_bytes);
    std::byte* base = mapping.bytes().data();
    if (!image.empty()) {
        std::memcpy(base, image.data(),
                    std::min<std::size_t>(image.size(), map.shape().value_bytes));
        return;
    }
    for (const std::uint32_t i : indices) std::memset(base + i * stride, 0, stride);
}

Result<> Reader::State::clear_array() {
    if (image.empty()) return zero_rows(map, rows, calls());
    const std::uint32_t first = 0;
    image.resize(map.shape().value_bytes);
    return map.update(&first, image.data());
}

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::create(const bpf::Map& map, const MapPolicy& policy,
                              std::span<const std::byte> image, const bpf::Map* flow_heads) {
    auto state = std::make_unique<State>(map, policy, image);
    if (flow_heads != nullptr)
        if (auto r = state->open_flows(*flow_heads); !r) return wrap(r, map.name());
    state->decide();
    return Reader(std::move(state));
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

Result<> Reader::clear() {
    State& s = *state_;
    if (!s.policy.clear_after_window || s.way == ReadWay::None) return {};
    const MapKind kind = s.map.shape().kind;
    Result<> done;
    // A windowed queue of which not everything was read is emptied here; a persistent one keeps
    // what came after.
    const bool is_rest_ours = is_queue(kind) && s.policy.map_class == MapClass::Windowed;
    if (!is_keyed(kind) && (!s.is_read || is_rest_ours)) done = s.fill();
    if (done && is_keyed(kind)) done = s.clear_keyed();
    if (done && s.way == ReadWay::Mmap) {
        if (s.heads && s.flows)
            s.clear_flows(*s.heads, *s.flows);
        else
            s.clear_mapped();
    }
    if (done && s.way != ReadWay::Mmap && is_array(kind)) done = s.clear_array();
    if (done && s.heads) s.heads->clear();
    s.is_read = false;
    if (!done) return wrap(done, "clear map " + s.map.name());
    return {};
}

/// Of what is mapped: the map's own values, or the rows of a drain.
Result<Mapping> Reader::State::leave_mapping() {
    const bpf::MapShape& shape = map.shape();
    const std::size_t stride = bpf::value_stride(shape.value_bytes);
    if (drain) return drain->leave_rows(rows.count * stride);
    if (hash_drain && filled_by == ReadWay::Drain)
        return hash_drain->leave_rows(rows.count * hash_drain->row_bytes());
    auto fresh = map.map_values(access());
    if (!fresh) return fresh;
    const std::size_t used = heads ? heads->end() : shape.max_entries;
    if (auto r = mapping.make_private(used * stride); !r) return pass_on(r);
    return std::exchange(mapping, std::move(*fresh));
}

Result<std::shared_ptr<const void>> Reader::leave_memory(Table& table) {
    State& s = *state_;
    std::shared_ptr<const void> owner;
    if (s.drain || s.filled_by == ReadWay::Drain || s.way == ReadWay::Mmap) {
        auto left = s.leave_mapping();
        if (!left) return pass_on(left);
        owner = std::make_shared<Mapping>(std::move(*left));
    } else {
        const std::size_t count = s.heads ? s.heads->end() : s.rows.count;
        owner = std::make_shared<std::pair<Buffer, Buffer>>(
            s.rows.keys.leave(count * s.map.shape().key_bytes),
            s.rows.values.leave(count * table.value_step));
    }
    const Table fresh = s.table();
    table.keys = fresh.keys;
    table.values = fresh.values;
    return owner;
}

ReadWay Reader::way() const { return state_->way; }
std::size_t Reader::drain_bytes() const {
    if (state_->drain) return state_->drain->held_bytes();
    return state_->hash_drain ? state_->hash_drain->held_bytes() : 0;
}
const bpf::Map& Reader::map() const { return state_->map; }
const MapPolicy& Reader::policy() const { return state_->policy; }

}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
#include "table/reader.h"

#include <utility>

#include "probe/read_size.h"
#include "table/flow_tensor.h"
#include "util/env.h"

namespace weir::table {
namespace {

using bpf::MapKind;

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

Reader::State::State(const bpf::Map& from, MapPolicy with, std::span<const std::byte> restore)
    : map(checked_shape(from.shape()), from.fd()),
      policy(std::move(with)),
      image(restore.begin(), restore.end()) {}

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

ReadWay Reader::way() const { return state_->way; }
std::size_t Reader::drain_bytes() const {
    if (state_->drain) return state_->drain->held_bytes();
    return state_->hash_drain ? state_->hash_drain->held_bytes() : 0;
}
const bpf::Map& Reader::map() const { return state_->map; }
const MapPolicy& Reader::policy() const { return state_->policy; }

}  // namespace weir::table

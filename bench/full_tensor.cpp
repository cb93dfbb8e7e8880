// SPDX-License-Identifier: Apache-2.0
#include "full_tensor.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "need.h"
#include "table/flow_heads.h"
#include "table/flow_tensor.h"
#include "test_run.h"

namespace weir::bench {
namespace {

MapPolicy windowed() {
    return {.map_class = MapClass::Windowed, .clear_after_window = true, .reason = "bench"};
}

MapPolicy kept() {
    return {.map_class = MapClass::Persistent, .clear_after_window = false, .reason = "bench"};
}

/// The probe's maps; its programs stay outside.
bpf::LoadedObject load_maps(std::uint32_t flows) {
    Settings settings;
    settings.push_back({.target = "max_flows", .value = std::to_string(flows)});
    const auto image = need(ProbeImage::build(ddos_spec(std::move(settings)), need(share_dir())));
    auto object = need(image.open());
    for (bpf::ProgramSpec& p : object.programs()) p.set_autoload(false);
    return need(std::move(object).load());
}

/// Source and destination of struct weir_flow_key: many IPv4 addresses that attack one.
void write_ends(std::byte* key, std::uint32_t flow) {
    const std::array<std::uint32_t, 8> words = {0, 0, 0xffff0000, (flow % 200) << 24 | 0x0700000a,
                                                0, 0, 0xffff0000, 0x0100a8c0};
    std::memcpy(key, words.data(), sizeof(words));  // SAFETY: a key has 37 bytes
}

UniqueFd create_hash(std::uint32_t key_bytes, std::uint32_t value_bytes, std::uint32_t entries) {
    UniqueFd fd(
        bpf_map_create(BPF_MAP_TYPE_HASH, "weir_bench", key_bytes, value_bytes, entries, nullptr));
    if (!fd.is_open()) give_up({.code = Errc::Io, .message = "no hash of that size"});
    return fd;
}

}  // namespace

table::Reader make_reader(const bpf::Map& map, const char* disable, const bpf::Map* flow_heads) {
    ::setenv("WEIR_DISABLE", disable, 1);  // NOLINT(concurrency-mt-unsafe)
    auto reader =
        need(table::Reader::create(map, *disable == '\0' ? windowed() : kept(), {}, flow_heads));
    ::unsetenv("WEIR_DISABLE");  // NOLINT(concurrency-mt-unsafe)
    return reader;
}

FullTensor::FullTensor(std::uint32_t flows)
    : flows_(flows), object_(load_maps(flows)), reader_(make_reader(map(), "", &heads())) {}

void FullTensor::fill() {
    if (is_full_) return;
    const Mapping mapping = need(map().map_values());
    const Mapping head_memory = need(heads().map_values());
    // SAFETY: pages are aligned, and the map's values are a FlowHead each.
    auto* const slots = reinterpret_cast<table::FlowHead*>(head_memory.bytes().data());
    const std::uint32_t slot_count = heads().shape().max_entries - 1;
    const bpf::MapShape& shape = map().shape();
    const auto found = table::flow_layout(shape);
    if (!found) give_up({.code = Errc::Invalid, .message = "the ddos probe's map is no tensor"});
    const table::FlowLayout& layout = *found;
    const std::size_t stride = bpf::value_stride(shape.value_bytes);
    std::mt19937_64 random(flows_);  // NOLINT(bugprone-random-generator-seed): equal in each run
    for (std::uint32_t flow = 0; flow < flows_; ++flow) {
        const std::uint64_t tag = random() | 2;
        std::uint64_t slot = (tag >> 32) % slot_count;
        while (slots[slot].tag != 0) slot = (slot + 1) % slot_count;
        slots[slot] = {.tag = tag, .packets = layout.packets_per_flow, .row = flow + 1};
        // SAFETY: there are as many rows as flows
        std::byte* const row = mapping.bytes().data() + flow * stride;
        std::memset(row, 1 + static_cast<int>(flow % 100), shape.value_bytes);
        write_ends(row + layout.key->bit_offset / 8, flow);
    }
    is_full_ = true;
}

void FullTensor::clear() {
    need(reader_.clear());
    is_full_ = false;
}

FullHash::FullHash(const FullTensor& like)
    : fd_(create_hash(kKeyBytes, like.map().shape().value_bytes - kKeyBytes, like.flows())),
      map_({.name = "hash",
            .kind = bpf::MapKind::Hash,
            .key_bytes = kKeyBytes,
            .value_bytes = like.map().shape().value_bytes - kKeyBytes,
            .max_entries = like.flows()},
           fd_.get()),
      keys_(std::size_t{like.flows()} * kKeyBytes) {
    for (std::uint32_t number = 0; number < like.flows(); ++number)
        std::memcpy(&keys_[std::size_t{number} * kKeyBytes], &number, sizeof(number));
}

void FullHash::fill() {
    if (is_full_) return;
    constexpr std::uint32_t kBatch = 1'000;
    const std::uint32_t entries = map_.shape().max_entries;
    const std::vector<std::byte> values(std::size_t{kBatch} * map_.shape().value_bytes,
                                        std::byte{1});
    for (std::uint32_t first = 0; first < entries; first += kBatch)
        need(map_.update_batch(&keys_[std::size_t{first} * kKeyBytes], values.data(),
                               std::min(kBatch, entries - first)));
    is_full_ = true;
}

void FullHash::clear(Calls calls) {
    const std::uint32_t entries = map_.shape().max_entries;
    is_full_ = false;
    if (calls == Calls::OnePerKey) {
        for (std::size_t i = 0; i < entries; ++i) need(map_.erase(&keys_[i * kKeyBytes]));
        return;
    }
    const std::uint32_t erased = need(map_.erase_batch(keys_.data(), entries));
    if (erased != entries) give_up({.code = Errc::Io, .message = "not all entries deleted"});
}

}  // namespace weir::bench

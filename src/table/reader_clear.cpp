// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "table/reader.h"

namespace weir::table {
namespace {

using bpf::MapKind;

constexpr int kClearRounds = 8;  // a map that still has entries then is being written

}  // namespace

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

}  // namespace weir::table

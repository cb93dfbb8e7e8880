// SPDX-License-Identifier: Apache-2.0
#include "table/hash_drain.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "bpf/run.h"
#include "probe/core_objects.h"
#include "probe/read_size.h"

namespace weir::table {
namespace {

constexpr std::size_t kRowsPerRun = 1 << 20;  // 0.2 s at worst; bpf_loop ends at 8 million
constexpr std::size_t kBucketsPerRow = 8;     // with more, walking them costs what the rows gain

Result<> set_constant(bpf::Object& object, const char* name, std::uint32_t value) {
    const auto constant = object.constant(name);
    if (!constant || constant->bytes.size() != sizeof(value))
        return fail(Errc::Io, std::string("no constant ") + name + " in the drain");
    std::memcpy(constant->bytes.data(), &value, sizeof(value));
    return {};
}

/// Puts the real map and its sizes in the place of the stand-ins.
Result<> specialise(bpf::Object& object, const bpf::Map& hash, std::uint32_t rows) {
    bpf::MapSpec* source = object.find_map("weir_source");
    bpf::MapSpec* target = object.find_map("weir_rows");
    if (source == nullptr || target == nullptr) return fail(Errc::Io, "no maps in the drain");
    if (auto r = source->share(hash); !r) return r;
    if (auto r = target->set_value(bpf::opaque_type(drain_row_bytes(hash.shape()))); !r) return r;
    if (auto r = target->set_max_entries(rows); !r) return r;
    if (auto r = set_constant(object, "weir_key_bytes", hash.shape().key_bytes); !r) return r;
    return set_constant(object, "weir_value_bytes", hash.shape().value_bytes);
}

}  // namespace

bool HashDrain::is_worth(const bpf::MapShape& shape, std::size_t rows) {
    // KERNEL: hashtab.c:htab_map_alloc: as many buckets as entries, rounded up to a power of two.
    return rows * kBucketsPerRow >= std::bit_ceil(std::size_t{shape.max_entries});
}

HashDrain::HashDrain(bpf::LoadedObject object, Mapping mapping, const bpf::MapShape& shape,
                     std::uint32_t capacity)
    : object_(std::move(object)),
      copy_(object_.program("weir_copy").value_or(bpf::Program{})),
      erase_(object_.program("weir_delete").value_or(bpf::Program{})),
      mapping_(std::move(mapping)),
      key_step_(bpf::value_stride(shape.key_bytes)),
      row_bytes_(drain_row_bytes(shape)),
      capacity_(capacity) {}

Result<HashDrain> HashDrain::create(const bpf::Map& hash, std::uint32_t rows) {
    auto object = bpf::Object::open(core::drain_hash(), "weir_drain_hash");
    if (!object) return pass_on(object);
    if (auto r = specialise(*object, hash, rows); !r) return pass_on(r);
    auto loaded = std::move(*object).load();
    if (!loaded) return pass_on(loaded);
    const bpf::Map* target = loaded->find_map("weir_rows");
    if (target == nullptr) return fail(Errc::Io, "the drain has no rows");
    auto mapping = target->map_values();
    if (!mapping) return pass_on(mapping);
    return HashDrain(std::move(*loaded), std::move(*mapping), hash.shape(), rows);
}

Result<HashDrain::Copied> HashDrain::copy() {
    auto count = bpf::run(copy_, {});
    if (!count) return pass_on(count);
    return Copied{.count = *count, .is_full = *count == capacity_};
}

Result<> HashDrain::erase(std::size_t count) {
    for (std::size_t done = 0; done < count; done += kRowsPerRun) {
        auto r = bpf::run(erase_, {done, std::min(count - done, kRowsPerRun)});
        if (!r) return pass_on(r);
    }
    return {};
}

Result<Mapping> HashDrain::leave_rows(std::size_t used) {
    auto fresh = object_.find_map("weir_rows")->map_values();
    if (!fresh) return fresh;
    if (auto r = mapping_.make_private(used); !r) return pass_on(r);
    return std::exchange(mapping_, std::move(*fresh));
}

}  // namespace weir::table

// SPDX-License-Identifier: Apache-2.0
#include "probe/heirlooms.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "probe/classify.h"

namespace weir {
namespace {

constexpr int kDepth = 32;  // types nest less; a tree that does not end is not compared

bool is_same(const TypePtr& a, const TypePtr& b, int depth = 0);

bool is_same(const Member& a, const Member& b, int depth) {
    return a.name == b.name && a.bit_offset == b.bit_offset && a.bit_size == b.bit_size &&
           is_same(a.type, b.type, depth);
}

/// The same bytes with the same meaning: names of members count, names of types do not.
bool is_same(const TypePtr& a, const TypePtr& b, int depth) {
    if (a == b) return true;
    if (!a || !b || depth == kDepth) return false;
    if (a->kind != b->kind || a->form != b->form || a->size_bytes != b->size_bytes ||
        a->is_signed != b->is_signed || a->count != b->count)
        return false;
    if (a->kind == Type::Kind::Array) return is_same(a->element, b->element, depth + 1);
    return std::ranges::equal(a->members, b->members, [&](const Member& x, const Member& y) {
        return is_same(x, y, depth + 1);
    });
}

/// Why `fresh` cannot take over the content of `old`; empty: it can.
std::string misfit(const MapShape& old, const MapShape& fresh) {
    if (old.kind != fresh.kind)
        return fmt::format("was a {}, is a {}", bpf::kind_name(old.kind),
                           bpf::kind_name(fresh.kind));
    if (old.key_bytes != fresh.key_bytes || !is_same(old.key, fresh.key))
        return "its key has another type";
    if (old.value_bytes != fresh.value_bytes || !is_same(old.value, fresh.value))
        return "its value has another type";
    // Of some kinds libbpf chooses the size: one entry a CPU, whole pages of a ring.
    const bool is_sized = fresh.max_entries != 0 && fresh.kind != MapKind::Ringbuf;
    if (is_sized && old.max_entries != fresh.max_entries)
        return fmt::format("had {} entries, has {}", old.max_entries, fresh.max_entries);
    return "";
}

/// The predecessor's persistent map of that name; null: there is none.
const CloneMap* find_persistent(const ClonePair& pair, const std::string& name) {
    for (const CloneMap& m : pair.clone(0).maps())
        if (m.map.name() == name && m.policy.map_class == MapClass::Persistent) return &m;
    return nullptr;
}

}  // namespace

Result<ExistingMaps> shared_maps(const bpf::Object& object, std::span<const MapPolicy> policies,
                                 const bpf::LoadedObject& first) {
    ExistingMaps existing(policies.size(), nullptr);
    for (std::size_t i = 0; i < policies.size(); ++i)
        if (policies[i].map_class == MapClass::Persistent)
            existing[i] = first.find_map(object.maps()[i].shape.name);
    return existing;
}

Result<ExistingMaps> find_heirlooms(const bpf::Object& object, std::span<const MapPolicy> policies,
                                    const Predecessor& predecessor) {
    ExistingMaps existing(policies.size(), nullptr);
    if (predecessor.pair == nullptr) return existing;
    std::vector<std::string> lost;
    std::vector<std::string> names;  // of the new code's persistent maps
    for (std::size_t i = 0; i < policies.size(); ++i) {
        const MapShape& fresh = object.maps()[i].shape;
        if (policies[i].map_class != MapClass::Persistent || is_internal_map(fresh.name)) continue;
        names.push_back(fresh.name);
        const CloneMap* old = find_persistent(*predecessor.pair, fresh.name);
        if (old == nullptr) continue;
        const std::string why = misfit(old->map.shape(), fresh);
        if (why.empty())
            existing[i] = &old->map;
        else
            lost.push_back(fmt::format("map {} {}", fresh.name, why));
    }
    for (const CloneMap& m : predecessor.pair->clone(0).maps())
        if (m.policy.map_class == MapClass::Persistent &&
            std::ranges::find(names, m.map.name()) == names.end())
            lost.push_back(fmt::format("map {} is not in the new code", m.map.name()));
    if (lost.empty() || predecessor.may_drop_state) return existing;
    return fail(Errc::Rejected, fmt::format("state would be lost: {}", fmt::join(lost, "; ")),
                "drop_state = true in the policy gives it up");
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "probe/classify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "weir/abi.h"

namespace weir {
namespace {

using bpf::MapKind;
using bpf::MapSpec;

bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

/// The words in "weir:attributes (SWAP, EMPTY)"; nothing where the map has no such tag.
std::optional<std::string> dialect_attributes(const MapSpec& map) {
    for (const std::string& tag : map.tags)
        if (tag.starts_with(WEIR_TAG_DIALECT)) return tag.substr(sizeof(WEIR_TAG_DIALECT) - 1);
    return std::nullopt;
}

bool has_word(const std::string& list, std::string_view word) {
    const auto is_letter = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    };
    for (std::size_t at = list.find(word); at != std::string::npos; at = list.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || !is_letter(list[at - 1])) && (end == list.size() || !is_letter(list[end])))
            return true;
    }
    return false;
}

bool is_windowed_kind(MapKind kind) {
    switch (kind) {
        case MapKind::Hash:
        case MapKind::Array:
        case MapKind::PercpuHash:
        case MapKind::PercpuArray:
        case MapKind::LruHash:
        case MapKind::LruPercpuHash:
        case MapKind::Queue:
        case MapKind::Stack: return true;
        default: return false;
    }
}

MapPolicy make(MapClass map_class, std::string reason) {
    return {.map_class = map_class,
            .clear_after_window = map_class == MapClass::Windowed,
            .is_exported = true,
            .reason = std::move(reason)};
}

MapPolicy default_policy(const MapSpec& map) {
    const std::string kind = bpf::kind_name(map.shape.kind);
    if (map.shape.is_globals) {
        if (map.shape.name.starts_with(".rodata") || map.shape.name.starts_with(".kconfig"))
            return make(MapClass::Fixed, "constants");
        return make(MapClass::Windowed, "default of global variables");
    }
    if (map.is_inner) return make(MapClass::Persistent, "default of inner maps");
    if (map.shape.kind == MapKind::ProgArray) return make(MapClass::Fixed, "default of prog_array");
    if ((map.shape.flags & BPF_F_RDONLY) != 0)
        return make(MapClass::Persistent, "BPF_F_RDONLY: user space cannot clear it");
    const MapClass by_kind =
        is_windowed_kind(map.shape.kind) ? MapClass::Windowed : MapClass::Persistent;
    return make(by_kind, "default of " + kind);
}

/// Whether two copies of the map, one of them cleared each window, make sense.
bool can_be_windowed(const MapSpec& map) {
    return !map.is_inner && (map.shape.flags & BPF_F_RDONLY) == 0 &&
           (is_windowed_kind(map.shape.kind) || map.shape.kind == MapKind::LpmTrie);
}

/// The rules for a source that uses __attributes__ somewhere.
MapPolicy dialect_policy(const MapSpec& map) {
    const auto attributes = dialect_attributes(map);
    const std::string list = attributes.value_or("");
    MapPolicy policy = make(has_word(list, "SWAP") ? MapClass::Windowed : MapClass::Persistent,
                            attributes ? "__attributes__(" + list + ")"
                                       : "no __attributes__ in a source that uses them");
    policy.clear_after_window |= has_word(list, "EMPTY");
    return policy;
}

bool carries_export(const MapSpec& map) {
    return has(map.tags, WEIR_TAG_EXPORT) ||
           has_word(dialect_attributes(map).value_or(""), "EXPORT");
}

/// Says on whose word the map gets another class; what is reported stays as it was.
Result<> set_class(const MapSpec& map, MapClass wanted, const char* who, MapPolicy& policy) {
    const bool is_possible = policy.map_class != MapClass::Fixed &&
                             (wanted != MapClass::Windowed || can_be_windowed(map));
    if (!is_possible) {
        return fail(Errc::Invalid,
                    fmt::format("{} {}: a map of kind {}{} cannot be {}", who, map.shape.name,
                                bpf::kind_name(map.shape.kind), map.is_inner ? " inside a map" : "",
                                map_class_name(wanted)));
    }
    const bool is_exported = policy.is_exported;
    policy = make(wanted, who);
    policy.is_exported = is_exported;
    return {};
}

Result<> check_overrides(std::span<const MapSpec> maps, const std::vector<std::string>& names,
                         const char* option) {
    for (const std::string& name : names) {
        const auto it =
            std::ranges::find(maps, name, [](const MapSpec& m) { return m.shape.name; });
        if (it != maps.end() && !is_internal_map(name)) continue;
        std::vector<std::string> known;
        for (const MapSpec& m : maps)
            if (!is_internal_map(m.shape.name)) known.push_back(m.shape.name);
        return fail(Errc::Invalid, fmt::format("{} {}: the probe has no such map", option, name),
                    fmt::format("its maps: {}", fmt::join(known, ", ")));
    }
    return {};
}

}  // namespace

bool is_internal_map(const std::string& name) {
    return name.starts_with("weir_") || name.ends_with(".weir") || name.starts_with(".rodata") ||
           name.starts_with(".kconfig");
}

Result<std::vector<MapPolicy>> classify(std::span<const MapSpec> maps,
                                        const MapOverrides& overrides) {
    if (auto r = check_overrides(maps, overrides.window, "--window"); !r) return pass_on(r);
    if (auto r = check_overrides(maps, overrides.persist, "--persist"); !r) return pass_on(r);
    for (const std::string& name : overrides.window)
        if (has(overrides.persist, name))
            return fail(Errc::Invalid, fmt::format("{}: --window and --persist at once", name));
    const bool any_export = std::ranges::any_of(maps, carries_export);
    const bool any_attributes = std::ranges::any_of(
        maps, [](const MapSpec& map) { return dialect_attributes(map).has_value(); });
    std::vector<MapPolicy> policies;
    for (const MapSpec& map : maps) {
        const std::string& name = map.shape.name;
        MapPolicy policy = any_attributes && can_be_windowed(map) && !map.shape.is_globals
                               ? dialect_policy(map)
                               : default_policy(map);
        policy.is_exported = (!any_export || carries_export(map)) &&
                             !has(map.tags, WEIR_TAG_HIDE) && !is_internal_map(name);
        Result<> done;
        const auto change = [&](bool is_asked, MapClass wanted, const char* who) {
            if (is_asked && done) done = set_class(map, wanted, who, policy);
        };
        change(has(map.tags, WEIR_TAG_WINDOW), MapClass::Windowed, "WEIR_WINDOW");
        change(has(map.tags, WEIR_TAG_PERSIST), MapClass::Persistent, "WEIR_PERSIST");
        change(has(overrides.window, name), MapClass::Windowed, "--window");
        change(has(overrides.persist, name), MapClass::Persistent, "--persist");
        if (!done) return pass_on(done);
        policies.push_back(std::move(policy));
    }
    return policies;
}

}  // namespace weir

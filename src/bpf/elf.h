// SPDX-License-Identifier: Apache-2.0
#pragma once
// What weir needs to know of an object that libbpf does not tell: which functions and maps stand in
// the initial values of maps (relocations of .maps), which function uses which map (relocations of
// code), and whether there are old-style map definitions. Pure functions on outside bytes: whatever
// they hold, the answer is an Error or a value.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::bpf {

/// A function and a map: the function is in the map's initial values, or its code names the map.
struct MapAndFunction {
    std::string map, function;
    auto operator<=>(const MapAndFunction&) const = default;
};

struct ElfFacts {
    std::vector<std::string> functions_in_maps;  // targets of static tail calls
    std::vector<MapAndFunction> static_calls;    // the same, with the program array
    std::vector<MapAndFunction> map_uses;        // in the order of the code; may repeat
    std::vector<std::string> maps_in_maps;       // inner maps
    bool has_legacy_maps = false;                // SEC("maps")
    bool has_btf = false;
};

[[nodiscard]] bool is_elf(std::span<const std::byte> bytes);

/// Errors: Invalid (not an ELF object for BPF).
[[nodiscard]] Result<ElfFacts> read_elf_facts(std::span<const std::byte> bytes);

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What weir needs to know of an object that libbpf does not tell: which functions and maps stand in
// the initial values of maps (relocations of .maps), and whether there are old-style map
// definitions. Pure functions on outside bytes: whatever they hold, the answer is an Error or a
// value.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir::bpf {

struct ElfFacts {
    std::vector<std::string> functions_in_maps;  // targets of static tail calls
    std::vector<std::string> maps_in_maps;       // inner maps
    bool has_legacy_maps = false;                // SEC("maps")
    bool has_btf = false;
};

[[nodiscard]] bool is_elf(std::span<const std::byte> bytes);

/// Errors: Invalid (not an ELF object for BPF).
[[nodiscard]] Result<ElfFacts> read_elf_facts(std::span<const std::byte> bytes);

}  // namespace weir::bpf

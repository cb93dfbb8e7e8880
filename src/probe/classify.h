// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which map of a probe belongs to the window, by kind, by the attributes in the source and by what
// the command line says; docs/design.md has the rules. Pure function: nothing is in the kernel yet.
#include <span>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "probe/map_class.h"
#include "weir/result.h"

namespace weir {

struct MapOverrides {
    std::vector<std::string> window;   // --window MAP
    std::vector<std::string> persist;  // --persist MAP
};

/// One policy per map, in the maps' order.
/// Errors: Invalid (an override names no map of the probe, a map is to be what it cannot be, or
/// both at once).
[[nodiscard]] Result<std::vector<MapPolicy>> classify(std::span<const bpf::MapSpec> maps,
                                                      const MapOverrides& overrides);

/// Whether the map is weir's own (weir_chain, .rodata.weir...), hence never shown.
[[nodiscard]] bool is_internal_map(const std::string& name);

}  // namespace weir

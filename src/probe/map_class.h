// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which maps a window owns. Immutable values.
#include <string>

#include "weir/table.h"

namespace weir {

[[nodiscard]] const char* map_class_name(MapClass map_class);

struct MapPolicy {
    MapClass map_class = MapClass::Persistent;
    bool clear_after_window = false;  // windowed maps, and persistent ones whose source says EMPTY
    bool is_exported = true;          // shown in tables
    std::string reason;  // "default of hash maps", "--persist", "__attributes__((SWAP))"
};

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which maps a window owns. Immutable values.
#include <string>

namespace weir {

enum class MapClass {
    Windowed,    // one per clone, cleared after each window
    Fixed,       // one per clone, never cleared
    Persistent,  // one for both clones, never cleared
};

[[nodiscard]] const char* map_class_name(MapClass map_class);

struct MapPolicy {
    MapClass map_class = MapClass::Persistent;
    bool clear_after_window = false;  // windowed maps, and persistent ones whose source says EMPTY
    bool is_exported = true;          // shown in tables
    std::string reason;  // "default of hash maps", "--persist", "__attributes__((SWAP))"
};

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "probe/map_class.h"

namespace weir {

const char* map_class_name(MapClass map_class) {
    switch (map_class) {
        case MapClass::Windowed: return "windowed";
        case MapClass::Fixed: return "fixed";
        case MapClass::Persistent: return "persistent";
    }
    return "?";
}

}  // namespace weir

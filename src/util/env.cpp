// SPDX-License-Identifier: Apache-2.0
#include "util/env.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace weir {

bool is_disabled(std::string_view feature) {
    const char* list = std::getenv("WEIR_DISABLE");
    if (list == nullptr) return false;
    return fmt::format(",{},", list).contains(fmt::format(",{},", feature));
}

}  // namespace weir

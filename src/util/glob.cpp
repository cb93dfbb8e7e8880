// SPDX-License-Identifier: Apache-2.0
#include "util/glob.h"

#include <fnmatch.h>

namespace weir {

bool matches(const std::string& pattern, const std::string& name) {
    return pattern == name || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool is_glob(const std::string& pattern) {
    return pattern.find_first_of("*?[\\") != std::string::npos;
}

}  // namespace weir

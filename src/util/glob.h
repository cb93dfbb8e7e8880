// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names by pattern, as a shell has them: * ? [abc], and \ before one of them that means itself.
//
//     if (matches("eth*", name)) ...
//
// Pure functions; thread-safe. Source: fnmatch(3).
#include <string>

namespace weir {

/// Whether the pattern is the name, or fits it whole.
[[nodiscard]] bool matches(const std::string& pattern, const std::string& name);

/// Whether the pattern can fit a name other than itself.
[[nodiscard]] bool is_glob(const std::string& pattern);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The border where errno ends: only src/util and src/bpf see a number, everything above sees an
// Error.
#include <string_view>

#include "weir/result.h"

namespace weir {

[[nodiscard]] Errc errc_from_errno(int number);

/// "EBUSY" rather than a sentence: it can be searched for.
[[nodiscard]] std::string errno_name(int number);

/// libbpf 1.x returns a negative errno; so do our own calls below this border.
[[nodiscard]] Result<> check(long rc, std::string_view what);

/// For calls that return -1 and set errno.
[[nodiscard]] Result<> check_errno(long rc, std::string_view what);

}  // namespace weir

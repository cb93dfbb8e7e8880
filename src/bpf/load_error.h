// SPDX-License-Identifier: Apache-2.0
#pragma once
// From what libbpf says of a failed load to the Error that people read. Pure functions.
#include <string>
#include <string_view>

#include "weir/result.h"

namespace weir::bpf {

/// `number`: the errno of the load; `log`: everything libbpf printed.
[[nodiscard]] Error load_error(int number, std::string_view log);

/// The last line libbpf printed, without its prefix.
[[nodiscard]] std::string last_line(std::string_view log);

/// The last line that says more than that the object failed.
[[nodiscard]] std::string reason_line(std::string_view log);

/// The map that the kernel did not create, or empty.
[[nodiscard]] std::string failed_map(std::string_view log);

/// What an object declares and nothing in it defines, or empty.
[[nodiscard]] std::string missing_extern(std::string_view log);

}  // namespace weir::bpf

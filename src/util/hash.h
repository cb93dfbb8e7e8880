// SPDX-License-Identifier: Apache-2.0
#pragma once
// The name of a content: 128 bits of XXH3 as 32 hex digits. Thread-safe.
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir {

[[nodiscard]] std::string content_hash(std::span<const std::byte> bytes);
[[nodiscard]] std::string content_hash(std::string_view text);

}  // namespace weir

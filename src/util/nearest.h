// SPDX-License-Identifier: Apache-2.0
#pragma once
// "Did you mean": the known word that is nearest to an unknown one. Pure function.
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// The word with the fewest letters to insert, leave out or exchange; the first of several. Empty:
/// none is near, that is, within two steps, or a third of the word's letters.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> known);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// WEIR_DISABLE=drain,batch,mmap,tcx,visit: forces the fallback of each named feature, for tests and
// for kernels that lie. Read once at start. Thread-safe, immutable.
#include <string_view>

namespace weir {

/// Whether WEIR_DISABLE names the feature.
[[nodiscard]] bool is_disabled(std::string_view feature);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What bench_extract measures: each function adds its figures, the plain way beside them.
#include <vector>

#include "figures.h"

namespace weir::bench {

/// Reading and clearing queues and hashes, each way in turn.
void measure_maps(std::vector<Figure>& figures);

}  // namespace weir::bench

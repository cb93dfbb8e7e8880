// SPDX-License-Identifier: Apache-2.0
// What a window pays after the grace period: from the kernel's memory to rows.
#include "extract.h"

int main(int argc, char** argv) {
    std::vector<weir::bench::Figure> figures;
    weir::bench::measure_maps(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-extract.json");
}

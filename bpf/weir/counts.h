/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The counters of the clone that runs, for what a helper has to count: log.h, punt.h, redirect.h. */
#include "entry.h"

/* `member` of the clone's struct weir_counts, one more. Looked up where it is needed, which is rare. */
#define weir_count(member)                                                     \
    do {                                                                       \
        weir_u32 weir_first = 0;                                               \
        struct weir_cpu *weir_mine = weir_map_lookup(&weir_cpus, &weir_first); \
        if (weir_mine)                                                         \
            weir_mine->counts[weir_counter % WEIR_COUNTERS].member += 1;       \
    } while (0)

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What probes, the pivot and user space agree on. Included by BPF C (also by foreign translation units,
 * hence no includes, no kernel types and only weir_ names) and by C++.
 *
 * The generation word: bit i says which clone of slot i packets enter now, bit 63 which bank of the
 * program array holds the chain. One store of it flips every probe of the chain between two packets. */

typedef unsigned int weir_u32;
typedef unsigned long long weir_u64;

#define WEIR_ABI_VERSION 1
#define WEIR_MAX_SLOTS 32 /* the kernel runs 33 tail calls at most: pivot -> 32 slots, one to spare */
#define WEIR_BANK_BIT 63

/* Entries of the program array: [bank][slot][clone]. */
#define WEIR_BANK_ENTRIES (WEIR_MAX_SLOTS * 2)
#define WEIR_CHAIN_ENTRIES (2 * WEIR_BANK_ENTRIES)
#define WEIR_CHAIN_INDEX(bank, slot, clone) ((bank) * WEIR_BANK_ENTRIES + (slot) * 2 + (clone))

/* Counted on every packet by the wrapper of a probe; per CPU, windowed. */
struct weir_counts {
    weir_u64 entered; /* packets that entered this probe */
};

/* Kept by the pivot; per CPU, of the hook, never cleared. */
struct weir_hook_counts {
    weir_u64 misses; /* packets that found no probe in slot 0: the tail call fell through */
};

/* Attributes on maps travel as BTF declaration tags. */
#define WEIR_TAG_WINDOW "weir:window"
#define WEIR_TAG_PERSIST "weir:persist"
#define WEIR_TAG_EXPORT "weir:export"
#define WEIR_TAG_HIDE "weir:hide"
#define WEIR_TAG_DIALECT "weir:attributes " /* followed by the list of __attributes__(...) */
#define WEIR_TAG_INNER "weir:inner "        /* on a map of maps: followed by the name of the inner map */
#define WEIR_TAG_PIN "weir:pin "            /* followed by the path at which BCC would pin the map */
#define WEIR_TAG_FEATURE "weir:feature "    /* on a member: followed by its unit */

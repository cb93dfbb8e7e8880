/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* From one program of the chain into the next: used by the pivot and by every wrapper. Like entry.h it
 * stands behind foreign code and includes nothing but abi.h. */
#include "abi.h"

static void *(*const weir_map_lookup)(void *map, const void *key) = (void *)1;

/* A tail call that the compiler can neither merge with its neighbours nor turn into a computed index: the
 * kernel patches a tail call with a constant index into a direct jump (3-4 ns instead of 22-34).
 * Kernel: arch/x86/net/bpf_jit_comp.c:bpf_tail_call_direct_fixup. */
static inline __attribute__((always_inline)) void weir_tail_call(void *ctx, const void *map, weir_u32 index)
{
    asm volatile(
        "r1 = %[ctx]\n\t"
        "r2 = %[map]\n\t"
        "r3 = %[index]\n\t"
        "call 12" ::[ctx] "r"(ctx),
        [map] "r"(map), [index] "r"(index)
        : "r0", "r1", "r2", "r3", "r4", "r5");
}

/* Goes on to the given slot of the bank and clone that the word names. Returns where the chain ends, which
 * costs less than a tail call that falls through, and where a program is missing, which is counted. */
static inline __attribute__((always_inline)) void weir_enter_slot(void *ctx, const void *chain, void *cpus,
                                                                  weir_u64 word, weir_u32 slot)
{
    if (slot >= WEIR_LENGTH(word))
        return;
    if (word >> WEIR_BANK_BIT & 1) {
        if (word >> slot & 1)
            weir_tail_call(ctx, chain, WEIR_CHAIN_INDEX(1, slot, 1));
        else
            weir_tail_call(ctx, chain, WEIR_CHAIN_INDEX(1, slot, 0));
    } else {
        if (word >> slot & 1)
            weir_tail_call(ctx, chain, WEIR_CHAIN_INDEX(0, slot, 1));
        else
            weir_tail_call(ctx, chain, WEIR_CHAIN_INDEX(0, slot, 0));
    }
    /* Looked up again, so that the way that every packet goes keeps one register less. */
    weir_u32 zero = 0;
    struct weir_cpu *here = weir_map_lookup(cpus, &zero);
    if (here)
        here->misses += 1;
}

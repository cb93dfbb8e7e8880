/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The wrapper that makes a program a link of the chain. WEIR_PROBE (probe.h) uses it; for foreign source
 * weir generates one translation unit: the source, this header, WEIR_WRAP(its function).
 *
 * It stands behind foreign code that may bring vmlinux.h, kernel headers or its own helper declarations,
 * so it includes nothing but weir's own hook.h and tail_call.h and declares what it needs under weir_
 * names. */
#include "hook.h"
#include "tail_call.h"

struct weir_chain_map { /* BPF_MAP_TYPE_PROG_ARRAY */
    int (*type)[3];
    int (*max_entries)[WEIR_CHAIN_ENTRIES];
    int (*key_size)[4];
    int (*value_size)[4];
};
struct weir_cpu_map { /* BPF_MAP_TYPE_PERCPU_ARRAY */
    int (*type)[6];
    int (*max_entries)[1];
    weir_u32 *key;
    struct weir_cpu *value;
};
struct weir_chain_map weir_chain __attribute__((section(".maps"), used));
struct weir_cpu_map weir_cpus __attribute__((section(".maps"), used));

/* Set by the loader before the program is loaded, hence constants of the verifier. */
const volatile weir_u32 weir_abi __attribute__((section(".rodata.weir"), used)) = WEIR_ABI_VERSION;
const volatile weir_u32 weir_counter __attribute__((section(".rodata.weir"), used)) = 0;

/* A number that the loader puts in place of one of abi.h's immediates. */
#define WEIR_LOADER_SETS(immediate)                            \
    ({                                                         \
        weir_u64 weir_value;                                   \
        asm("%0 = %1 ll" : "=r"(weir_value) : "i"(immediate)); \
        weir_value;                                            \
    })

/* An entry that its author marked noinline is inlined all the same: a call from one program into another
 * is a relocation that libbpf refuses. Before clang 17 gnu17 has no way to say so. */
#if __clang_major__ >= 17
#define WEIR_INLINED [[clang::always_inline]]
#else
#define WEIR_INLINED
#endif

/* The body of a wrapper. The word is saved over the call: on tc-egress a nested packet on the same CPU
 * (bpf_clone_redirect) overwrites it. `flatten` inlines the probe, so that its packet pointers and its
 * stack are the wrapper's; noinline functions stay calls. */
#define WEIR_WRAPPER_BODY(ctx, call)                                                            \
    weir_u32 weir_zero = 0;                                                                     \
    struct weir_cpu *weir_here = weir_map_lookup(&weir_cpus, &weir_zero);                       \
    if (!weir_here)                                                                             \
        return WEIR_CHAIN_END; /* VERIFIER: one entry, the lookup cannot fail */                \
    weir_u64 weir_word = weir_here->word;                                                       \
    struct weir_counts *weir_counts = (void *)weir_here + WEIR_LOADER_SETS(WEIR_OWN_COUNTS);    \
    weir_counts->entered += 1;                                                                  \
    weir_pull_headers(ctx);                                                                     \
    int weir_verdict;                                                                           \
    WEIR_INLINED weir_verdict = (call);                                                         \
    weir_here->word = weir_word;                                                                \
    if (!WEIR_GOES_ON(weir_verdict))                                                            \
        return weir_final_verdict(ctx, weir_verdict);                                           \
    weir_enter_slot(ctx, &weir_chain, &weir_cpus, weir_word, WEIR_LOADER_SETS(WEIR_NEXT_SLOT)); \
    return WEIR_CHAIN_END;

/* The function's name is kept for people: the function itself vanishes into the wrapper. */
#define WEIR_WRAP(function) WEIR_WRAP_CALL(function, function(weir_ctx))
#define WEIR_WRAP_CALL(function, call)                                                                 \
    const volatile char weir_function[] __attribute__((section(".rodata.weir"), used)) = #function;    \
    __attribute__((section(WEIR_ENTRY_SECTION), used, flatten)) int weir_entry(WEIR_CONTEXT *weir_ctx) \
    {                                                                                                  \
        WEIR_WRAPPER_BODY(weir_ctx, call)                                                              \
    }

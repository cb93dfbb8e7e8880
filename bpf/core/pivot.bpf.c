/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one program attached to a hook. It reads the generation word once per packet, keeps it for the
 * wrappers of the chain in a per-CPU slot, and enters slot 0. One program for each kind of hook; the loader
 * loads the one it needs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../weir/hook.h"
#include "../weir/tail_call.h"

char weir_license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, WEIR_CHAIN_ENTRIES);
    __uint(key_size, 4);
    __uint(value_size, 4);
} weir_chain SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_cpu);
} weir_cpus SEC(".maps");

/* The generation word: stored by user space through a mapping, loaded here without a map lookup. */
volatile __u64 weir_word SEC(".data.weir") = 0;

/* Stands where no probe does, which no packet ever enters (src/chain/chain.cpp, settle()). */
static __always_inline void weir_hole(void)
{
    __u32 zero = 0;
    struct weir_cpu *here = bpf_map_lookup_elem(&weir_cpus, &zero);
    if (here)
        here->misses += 1;
}

SEC("xdp") int weir_hole_xdp(struct xdp_md *ctx)
{
    weir_hole();
    return XDP_PASS;
}

SEC("tc") int weir_hole_tc(struct __sk_buff *ctx)
{
    weir_hole();
    return WEIR_TC_NEXT;
}

/* Comes back where the chain is empty. */
static __always_inline void enter_chain(void *ctx)
{
    __u32 zero = 0;
    struct weir_cpu *here = bpf_map_lookup_elem(&weir_cpus, &zero);
    if (!here)
        return; /* VERIFIER: one entry, the lookup cannot fail */
    __u64 word = weir_word;
    here->word = word;
    weir_enter_slot(ctx, &weir_chain, &weir_cpus, word, 0);
}

SEC("xdp") int weir_pivot_xdp(struct xdp_md *ctx)
{
    enter_chain(ctx);
    return XDP_PASS;
}

SEC("tc") int weir_pivot_tc(struct __sk_buff *ctx)
{
    enter_chain(ctx);
    return WEIR_TC_NEXT;
}

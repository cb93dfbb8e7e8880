/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stands in a slot for a foreign object, which has no wrapper: counts the packet, then enters the object's
 * program for good. Hence a foreign object can only be the last of a chain. One stub per clone; of the two
 * programs the loader loads the one for its hook. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../weir/entry.h"
#include "../weir/hook.h"

char weir_license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, 4);
    __uint(value_size, 4);
} weir_target SEC(".maps");

static __always_inline void enter_target(void *ctx)
{
    __u32 zero = 0;
    struct weir_cpu *here = bpf_map_lookup_elem(&weir_cpus, &zero);
    if (!here)
        return; /* VERIFIER: one entry, the lookup cannot fail */
    here->counts[weir_counter % WEIR_COUNTERS].entered += 1;
    weir_tail_call(ctx, &weir_target, 0);
    here->misses += 1; /* the target is set before the stub enters the chain */
}

SEC("xdp") int weir_stub_xdp(struct xdp_md *ctx)
{
    enter_target(ctx);
    return XDP_PASS;
}

SEC("tc") int weir_stub_tc(struct __sk_buff *ctx)
{
    enter_target(ctx);
    return WEIR_TC_NEXT;
}

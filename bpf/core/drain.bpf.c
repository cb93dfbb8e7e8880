/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Empties a QUEUE or a STACK into memory that user space has mapped, run from there. It knows no record size:
 * both maps are stand-ins. At load the real map takes the place of weir_source, and the values of weir_rows
 * get its size, so that the verifier finds that what is popped fits into a row. Kernel: 5.17 (bpf_loop). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char weir_license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1);
    __uint(value_size, 8);
} weir_source SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(key_size, 4);
    __uint(value_size, 8);
} weir_rows SEC(".maps");

static long pop_one(__u32 step, __u32 *row)
{
    void *to = bpf_map_lookup_elem(&weir_rows, row);
    if (!to || bpf_map_pop_elem(&weir_source, to))
        return 1;
    *row += 1;
    return 0;
}

/* Pops at most `rows`, the first into row `first`; returns how many. */
static __always_inline int drain(__u64 first, __u64 rows)
{
    __u32 row = first;
    bpf_loop(rows, pop_one, &row, 0);
    return row - (__u32)first;
}

SEC("syscall") int weir_drain_syscall(__u64 *arguments)
{
    return drain(arguments[0], arguments[1]);
}

SEC("raw_tp") int weir_drain_raw_tp(__u64 *arguments)
{
    return drain(arguments[0], arguments[1]);
}

// SPDX-License-Identifier: Apache-2.0
// A tail call into a program that libbpf puts into the PROG_ARRAY at load. Two programs: --program first.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, __u64);
} stages SEC(".maps");

static __always_inline void count(__u32 stage)
{
    __u64 *packets = bpf_map_lookup_elem(&stages, &stage);
    if (packets)
        __sync_fetch_and_add(packets, 1);
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
    count(1);
    return XDP_PASS;
}

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 2);
    __uint(key_size, sizeof(__u32));
    __array(values, int(void *));
} programs SEC(".maps") = {
    .values = {[1] = (void *)&second},
};

SEC("xdp")
int first(struct xdp_md *ctx)
{
    count(0);
    bpf_tail_call(ctx, &programs, 1);
    return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";

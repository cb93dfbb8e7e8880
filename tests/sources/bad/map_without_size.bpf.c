/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A map that its own loader would have given a size. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
} sizes SEC(".maps");

SEC("xdp") int count(struct xdp_md *ctx)
{
    __u32 index = 0;
    __u64 *value = bpf_map_lookup_elem(&sizes, &index);
    if (value)
        *value += 1;
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

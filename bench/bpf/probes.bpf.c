/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The probes that the benchmarks load twice: as they are, and wrapped behind the pivot. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u64);
} protocols SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, __u32);
    __type(value, __u64);
} sources SEC(".maps");

SEC("xdp") int empty(struct xdp_md *ctx)
{
    return XDP_PASS;
}

SEC("xdp") int empty_drop(struct xdp_md *ctx)
{
    return XDP_DROP;
}

SEC("xdp") int array(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 34 > end)
        return XDP_PASS;
    __u32 protocol = *(__u8 *)(data + 23);
    __u64 *count = bpf_map_lookup_elem(&protocols, &protocol);
    if (count)
        __sync_fetch_and_add(count, 1);
    return XDP_PASS;
}

SEC("xdp") int hash(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 34 > end)
        return XDP_PASS;
    __u32 source = *(__u32 *)(data + 26);
    __u64 one = 1, *count = bpf_map_lookup_elem(&sources, &source);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        bpf_map_update_elem(&sources, &source, &one, BPF_NOEXIST);
    return XDP_PASS;
}

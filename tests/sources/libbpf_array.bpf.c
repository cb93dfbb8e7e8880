// SPDX-License-Identifier: Apache-2.0
// A counter in an ARRAY: one row, since the other entries stay zero.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct counter {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct counter);
} counters SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct counter *counter = bpf_map_lookup_elem(&counters, &key);
    if (counter) {
        __sync_fetch_and_add(&counter->packets, 1);
        __sync_fetch_and_add(&counter->bytes, ctx->data_end - ctx->data);
    }
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

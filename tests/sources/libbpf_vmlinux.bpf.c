// SPDX-License-Identifier: Apache-2.0
// The running kernel's own types, by vmlinux.h.
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, u8);
    __type(value, u64);
} protocols SEC(".maps");

SEC("xdp")
int count_protocol(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(0x0800))
        return XDP_PASS;

    u8 protocol = ip->protocol;
    u64 one = 1, *packets = bpf_map_lookup_elem(&protocols, &protocol);
    if (packets)
        __sync_fetch_and_add(packets, 1);
    else
        bpf_map_update_elem(&protocols, &protocol, &one, BPF_NOEXIST);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

// SPDX-License-Identifier: Apache-2.0
// A blacklist in an LPM_TRIE, which keeps its entries from window to window: a source's first packet puts
// it there and passes, each later one is dropped and counted.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct prefix {
    __u32 length;
    __be32 address;
};

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 64);
    __type(key, struct prefix);
    __type(value, __u64);
} blacklist SEC(".maps");

SEC("xdp")
int block(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;

    struct prefix source = {.length = 32, .address = ip->saddr};
    __u64 none = 0, *dropped = bpf_map_lookup_elem(&blacklist, &source);
    if (dropped) {
        __sync_fetch_and_add(dropped, 1);
        return XDP_DROP;
    }
    bpf_map_update_elem(&blacklist, &source, &none, BPF_ANY);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

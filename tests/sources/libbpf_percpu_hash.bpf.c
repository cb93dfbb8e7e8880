// SPDX-License-Identifier: Apache-2.0
// Packets by IPv4 source in a PERCPU_HASH: a row has a value for each CPU, and their sum.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 1024);
    __type(key, __be32);
    __type(value, __u64);
} sources SEC(".maps");

SEC("xdp")
int count_source(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;

    __u64 one = 1, *packets = bpf_map_lookup_elem(&sources, &ip->saddr);
    if (packets)
        *packets += 1;
    else
        bpf_map_update_elem(&sources, &ip->saddr, &one, BPF_NOEXIST);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

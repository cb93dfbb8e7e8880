// SPDX-License-Identifier: Apache-2.0
// Packets by destination MAC in an LRU_HASH.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct station {
    __u8 mac[ETH_ALEN];
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 256);
    __type(key, struct station);
    __type(value, __u64);
} stations SEC(".maps");

SEC("xdp")
int count_station(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    if ((void *)(eth + 1) > end)
        return XDP_PASS;

    struct station station;
    __builtin_memcpy(station.mac, eth->h_dest, ETH_ALEN);
    __u64 one = 1, *packets = bpf_map_lookup_elem(&stations, &station);
    if (packets)
        __sync_fetch_and_add(packets, 1);
    else
        bpf_map_update_elem(&stations, &station, &one, BPF_ANY);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

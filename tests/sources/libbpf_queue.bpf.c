// SPDX-License-Identifier: Apache-2.0
// A record of each packet in a QUEUE, with the types that people read: MAC and IP addresses, ports.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct record {
    __u64 time_ns;
    __u8 source_mac[6];
    __be16 destination_port;
    struct in_addr source;
    __be32 destination;
};

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 4096);
    __type(value, struct record);
} records SEC(".maps");

SEC("xdp")
int record_udp(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    struct udphdr *udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
        return XDP_PASS;

    struct record record = {
        .time_ns = bpf_ktime_get_ns(),
        .destination_port = udp->dest,
        .source.s_addr = ip->saddr,
        .destination = ip->daddr,
    };
    __builtin_memcpy(record.source_mac, eth->h_source, sizeof(record.source_mac));
    bpf_map_push_elem(&records, &record, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

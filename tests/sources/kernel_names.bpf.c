/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* In the manner of the kernel's samples, which are compiled inside its tree: u32, __packed, htons and
 * struct vlan_hdr come from headers that no user-space package has. */
#define KBUILD_MODNAME "kernel_names"
#include <uapi/linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

struct total {
    u64 packets;
    u32 bytes;
    u16 tagged;
} __packed;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, u32);
    __type(value, struct total);
    __uint(max_entries, 256);
} protocols SEC(".maps");

SEC("xdp_count")
int count(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct vlan_hdr *tag = data + sizeof(*eth);
    struct iphdr *ip = data + sizeof(*eth);
    struct total *total;
    u32 key;

    if (unlikely((void *)(ip + 1) > data_end))
        return XDP_PASS;
    key = eth->h_proto == htons(ETH_P_IP) ? ip->protocol : 0;
    total = bpf_map_lookup_elem(&protocols, &key);
    if (total) {
        total->packets++;
        total->bytes += max(ctx->data_end - ctx->data, (u32)ETH_ZLEN);
        total->tagged += eth->h_proto == htons(ETH_P_8021Q) && tag->h_vlan_TCI;
    }
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

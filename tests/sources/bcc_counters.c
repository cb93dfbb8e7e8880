// SPDX-License-Identifier: Apache-2.0
// BPF_HASH with increment(), BPF_ARRAY, BPF_PERCPU_ARRAY, and the kernel's headers by BCC's names.
#include <uapi/linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bcc/proto.h>

BPF_HASH(by_protocol, u32);
BPF_ARRAY(totals, u64, 2);
BPF_PERCPU_ARRAY(dropped, long, 256);

int count(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    u16 type;
    u64 offset = sizeof(*eth);
    if (data + offset > end)
        return XDP_PASS;
    type = eth->h_proto;
    if (type == htons(ETH_P_8021Q)) {
        struct vlan_hdr *vlan = data + offset;
        offset += sizeof(*vlan);
        if (data + offset > end)
            return XDP_PASS;
        type = vlan->h_vlan_encapsulated_proto;
    }
    struct iphdr *ip = data + offset;
    if (type != htons(ETH_P_IP) || (void *)&ip[1] > end)
        return XDP_PASS;

    by_protocol.increment(ip->protocol);
    totals.increment(0);
    totals.atomic_increment(1, end - data);
    int index = ip->protocol;
    long *value = dropped.lookup(&index);
    if (value)
        *value += 1;
    return XDP_DROP;
}

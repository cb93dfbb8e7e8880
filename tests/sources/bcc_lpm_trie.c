// SPDX-License-Identifier: Apache-2.0
// A BPF_LPM_TRIE that learns each source; it keeps its entries from window to window.
#include <linux/if_ether.h>
#include <linux/ip.h>

struct prefix {
    u32 length;
    __be32 address;
};

BPF_LPM_TRIE(networks, struct prefix, u64, 256);

int match(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != htons(ETH_P_IP))
        return XDP_PASS;
    struct prefix key = {.length = 32, .address = ip->saddr};
    u64 one = 1, *packets = networks.lookup(&key);
    if (packets)
        lock_xadd(packets, 1);
    else
        networks.insert(&key, &one);
    return XDP_PASS;
}

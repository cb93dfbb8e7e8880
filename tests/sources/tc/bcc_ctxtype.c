// SPDX-License-Identifier: Apache-2.0
// One source for XDP and tc, by the macro that BCC's users set.
#include <linux/if_ether.h>
#include <linux/ip.h>

BPF_HASH(by_protocol, u32);

int handle_rx(struct CTXTYPE *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != htons(ETH_P_IP))
        return RX_OK;
    by_protocol.increment(ip->protocol);
    return RX_DROP;
}

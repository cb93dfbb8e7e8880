// SPDX-License-Identifier: Apache-2.0
// Destination ports that each source opens connections to, in BCC's dialect. Read by
// classic_items.py.
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <uapi/linux/bpf.h>

struct attempt {
    u32 source;
    u16 port;
    u16 unused; /* named: the key is hashed as bytes */
};

BPF_HASH(attempts, struct attempt, u64);
BPF_ARRAY(syns, u64, 2); /* to ports below 1024, and to the others */

int handle_rx(struct CTXTYPE* ctx) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethhdr* eth = data;
    struct iphdr* ip = data + sizeof(*eth);
    if ((void*)(ip + 1) > end || eth->h_proto != htons(ETH_P_IP) || ip->protocol != 6) return RX_OK;
    struct tcphdr* tcp = (void*)ip + 4 * ip->ihl;
    if ((void*)(tcp + 1) > end || !tcp->syn || tcp->ack) return RX_OK;
    struct attempt attempt = {.source = ip->saddr, .port = ntohs(tcp->dest)};
    attempts.increment(attempt);
    syns.increment(attempt.port >= 1024);
    return RX_OK;
}

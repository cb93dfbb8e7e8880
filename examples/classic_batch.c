// SPDX-License-Identifier: Apache-2.0
// Packets and bytes of every source address, in BCC's dialect. Read by classic_batch.py.
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <uapi/linux/bpf.h>

struct counters {
    u64 packets;
    u64 bytes;
};

BPF_HASH(sources, u32, struct counters, 16384);

int handle_rx(struct CTXTYPE* ctx) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethhdr* eth = data;
    struct iphdr* ip = data + sizeof(*eth);
    if ((void*)(ip + 1) > end || eth->h_proto != htons(ETH_P_IP)) return RX_OK;
    u32 source = ip->saddr;
    struct counters zero = {};
    struct counters* counters = sources.lookup_or_try_init(&source, &zero);
    if (counters) {
        lock_xadd(&counters->packets, 1);
        lock_xadd(&counters->bytes, ntohs(ip->tot_len));
    }
    return RX_OK;
}

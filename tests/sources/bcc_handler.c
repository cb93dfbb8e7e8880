// SPDX-License-Identifier: Apache-2.0
// handler(ctx, md) with suffix attributes: TOTAL is swapped and reported, KEPT is neither, EMPTIED is one
// map for both clones that is cleared after each window.
BPF_TABLE("array", int, uint64_t, TOTAL, 1) __attributes__((SWAP, EXPORT));
BPF_TABLE("hash", uint32_t, uint64_t, KEPT, 16);
BPF_TABLE_SHARED("percpu_hash", uint32_t, struct lpm_key, EMPTIED, 16) __attributes__((EMPTY, EXPORT));

static __always_inline int handler(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct eth_hdr *eth = data;
    struct iphdr *ip = data + sizeof(*eth);
    if ((void *)(ip + 1) > end || eth->proto != bpf_htons(ETH_P_IP))
        return PASS;

    TOTAL.increment(0);
    KEPT.increment(md->length);
    struct lpm_key key = {.netmask_len = first_bit_set_pos(1), .ip = ip->saddr};
    uint32_t protocol = ip->protocol;
    EMPTIED.update(&protocol, &key);
    return get_time_epoch() ? PASS : DROP;
}

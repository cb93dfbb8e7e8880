// SPDX-License-Identifier: Apache-2.0
// handle_rx(ctx, md) in the manner of Polycube: the packet's length comes with the metadata.
BPF_HASH(lengths, u32, u64, 64);

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    u64 zero = 0;
    u32 bytes = md->packet_len;
    (*lengths.lookup_or_init(&bytes, &zero))++;
    pcn_log(ctx, LOG_TRACE, "%d bytes", bytes);
    return RX_OK;
}

// SPDX-License-Identifier: Apache-2.0
// handler(ctx, md) in the manner of DeChainy, with all of its helpers: each packet is told of, handed to the
// controller and sent to an interface that is not there, so that it passes.
BPF_TABLE("array", int, uint64_t, HELPED, 2);

static __always_inline int handler(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    dp_log(INFO, "packet of %d bytes", md->length);
    dp_log(DEBUG, "this one is left out");
    if (pkt_to_controller(ctx, md) == 0)
        HELPED.increment(0);
    HELPED.increment(1);
    return md->length == 1 ? REDIRECT : REDIRECT(nowhere0);
}

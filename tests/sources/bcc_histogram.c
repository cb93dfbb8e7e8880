// SPDX-License-Identifier: Apache-2.0
// A BPF_HISTOGRAM of frame lengths in powers of two, and one over keys of the source's own.
struct slot {
    u32 ifindex;
    u32 power;
};

BPF_HISTOGRAM(lengths);
BPF_HISTOGRAM(by_interface, struct slot, 128);

int measure(struct xdp_md *ctx)
{
    struct slot slot = {.ifindex = 0, .power = bpf_log2l(ctx->data_end - ctx->data)};
    lengths.increment(slot.power);
    by_interface.increment(slot);
    return XDP_PASS;
}

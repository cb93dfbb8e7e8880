/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Generator of many flows for BPF_F_TEST_XDP_LIVE_FRAMES: gives each frame the next flow's source address and
 * source port, and sends it out of the interface that the context names; its veth peer then receives it in
 * driver mode. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 flow_mask = 65535; /* flows - 1, a power of two of them */

static __u32 sequence;

SEC("xdp") int flood(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 60 > end)
        return XDP_DROP;
    /* An odd factor: all flows, each once in a round, in an order without neighbours. */
    __u32 flow = sequence++ * 2654435761u & flow_mask;
    *(__be32 *)(data + 26) = bpf_htonl(0x0a000000 | flow);
    *(__be16 *)(data + 34) = bpf_htons(1024 + (flow & 0x7fff));
    return bpf_redirect(ctx->ingress_ifindex, 0);
}

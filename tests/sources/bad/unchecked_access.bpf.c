// SPDX-License-Identifier: Apache-2.0
// Compiles, but the verifier refuses line 12: nobody has compared the header with data_end.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int trusting(struct xdp_md *ctx)
{
    struct ethhdr *eth = (void *)(long)ctx->data;

    return eth->h_proto ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";

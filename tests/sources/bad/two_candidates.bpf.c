// SPDX-License-Identifier: Apache-2.0
// Two programs and no --program: the error lists `one` and `two`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int one(struct xdp_md *ctx)
{
    return XDP_PASS;
}

SEC("xdp")
int two(struct xdp_md *ctx)
{
    return XDP_DROP;
}

char _license[] SEC("license") = "GPL";

// SPDX-License-Identifier: Apache-2.0
// Does not compile: line 13 names a variable that does not exist.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int broken(struct xdp_md *ctx)
{
    __u32 packets = 0;

    packets += 1;

    return packets ? XDP_PASS : verdict;
}

char _license[] SEC("license") = "GPL";

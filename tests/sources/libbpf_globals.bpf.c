// SPDX-License-Identifier: Apache-2.0
// Global variables: .bss starts at zero in each window, .data at its initial values; .rodata is constant.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 step = 3;
__u64 packets;
__u64 bytes;
__u64 countdown = 1000000;

SEC("xdp")
int count(struct xdp_md *ctx)
{
    __sync_fetch_and_add(&packets, 1);
    __sync_fetch_and_add(&bytes, ctx->data_end - ctx->data);
    __sync_fetch_and_sub(&countdown, step);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

// SPDX-License-Identifier: Apache-2.0
// Frame lengths on a STACK.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_STACK);
    __uint(max_entries, 4096);
    __type(value, __u32);
} lengths SEC(".maps");

SEC("xdp")
int push_length(struct xdp_md *ctx)
{
    __u32 bytes = ctx->data_end - ctx->data;
    bpf_map_push_elem(&lengths, &bytes, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

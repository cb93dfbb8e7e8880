// SPDX-License-Identifier: Apache-2.0
// A callback of bpf_loop(): a static function of its own that the verifier follows (Linux 5.17).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} rounds SEC(".maps");

static long count_round(__u32 round, void *unused)
{
    __u64 *count = bpf_map_lookup_elem(&rounds, &round);
    if (count)
        __sync_fetch_and_add(count, 1);
    return 0;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
    bpf_loop(3, count_round, (void *)0, 0);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

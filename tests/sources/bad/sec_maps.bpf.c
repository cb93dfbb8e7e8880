// SPDX-License-Identifier: Apache-2.0
// A map in SEC("maps"), which libbpf 1.0 gave up.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
    unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") counters = {
    .type = BPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(__u32),
    .value_size = sizeof(__u64),
    .max_entries = 1,
};

SEC("xdp")
int count(struct xdp_md *ctx)
{
    __u32 key = 0;
    __u64 *packets = bpf_map_lookup_elem(&counters, &key);
    if (packets)
        __sync_fetch_and_add(packets, 1);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

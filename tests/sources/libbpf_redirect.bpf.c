// SPDX-License-Identifier: Apache-2.0
// Redirects through a DEVMAP; where it has no such entry, the packet passes (the flags' low bits).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 8);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(__u32));
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} received SEC(".maps");

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
    __u32 key = 0;
    __u64 *packets = bpf_map_lookup_elem(&received, &key);
    if (packets)
        *packets += 1;
    return bpf_redirect_map(&ports, 0, XDP_PASS);
}

char _license[] SEC("license") = "GPL";

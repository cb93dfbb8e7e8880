/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SEC("classifier") that reads through the skb, marks what it has seen, and drops it. */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u64);
} dropped SEC(".maps");

SEC("classifier") int drop(struct __sk_buff *skb)
{
    __u8 protocol = 0;
    if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, protocol), &protocol, 1) < 0)
        return TC_ACT_UNSPEC;
    __u32 key = protocol;
    __u64 *packets = bpf_map_lookup_elem(&dropped, &key);
    if (packets)
        *packets += 1;
    skb->mark = protocol;
    return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";

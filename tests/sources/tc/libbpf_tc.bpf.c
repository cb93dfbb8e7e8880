/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SEC("tc") with vmlinux.h: packets and bytes by the protocol that the kernel says. */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TC_ACT_OK 0

struct volume {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct volume);
} by_protocol SEC(".maps");

SEC("tc") int count(struct __sk_buff *skb)
{
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    __u32 protocol = bpf_ntohs(skb->protocol);
    struct volume first = {1, skb->len}, *known;
    if (data + sizeof(struct ethhdr) > end)
        return TC_ACT_OK;
    known = bpf_map_lookup_elem(&by_protocol, &protocol);
    if (!known) {
        bpf_map_update_elem(&by_protocol, &protocol, &first, BPF_ANY);
        return TC_ACT_OK;
    }
    __sync_fetch_and_add(&known->packets, 1);
    __sync_fetch_and_add(&known->bytes, skb->len);
    return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";

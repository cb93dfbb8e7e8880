// SPDX-License-Identifier: Apache-2.0
// One value of many types, for those who decode it.
#include <linux/bpf.h>
#include <linux/in6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum colour { RED, GREEN = 5, BLUE };

struct everything {
    __s8 negative;
    bool yes;
    __u16 small;
    enum colour colour;
    char name[8];
    __u32 low : 3;
    __u32 high : 29;
    __s32 table[2][2];
    struct {
        __u8 inner;
        __be16 port;
    } __attribute__((packed)) nested;
    union {
        __u32 word;
        __u8 octets[4];
    };
    struct in6_addr address;
    __u64 packets;
    void *pointer;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct everything);
} values SEC(".maps");

SEC("xdp")
int fill(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct everything *value = bpf_map_lookup_elem(&values, &key);
    if (!value)
        return XDP_PASS;
    value->negative = -5;
    value->yes = true;
    value->small = 65535;
    value->colour = GREEN;
    __builtin_memcpy(value->name, "weir", 5);
    value->low = 5;
    value->high = 70000;
    value->table[0][0] = 1;
    value->table[1][1] = -4;
    value->nested.inner = 9;
    value->nested.port = bpf_htons(443);
    value->word = 0x04030201;
    value->address.s6_addr32[0] = bpf_htonl(0x20010db8);
    value->address.s6_addr[15] = 1;
    __sync_fetch_and_add(&value->packets, 1);
    return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* blocklist: drops what comes from the sources in the map `blocked`, IPv4 and IPv6 prefixes, which
 * is filled while the probe runs (README.md), and from the one IPv4 source that --set
 * blocklist.SOURCE=NUMBER names. A source may be forged; what a tunnel carries, and behind more
 * than two VLAN tags, passes. In a replay and on tc-egress the counts are the same. */
#include <weir/flow_key.h>
#include <weir/probe.h>

const volatile __u32 SOURCE = 0; /* 10.0.0.6 is 0x0a000006; 0: none */

struct prefix {
    __u32 bits; /* 128 for one source; of an IPv4 /24, which is ::ffff:a.b.c.0, 96 + 24 */
    __u8 address[16];
};

struct totals {
    __u64 passed;
    __u64 dropped;
    __u64 untracked; /* of the dropped: `dropped` had no room to say from whom */
};

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct prefix);
    __type(value, __u64);
} blocked SEC(".maps") WEIR_PERSIST;
WEIR_WINDOW_MAP(dropped, struct weir_address, __u64, 65536);
WEIR_MAP(totals, PERCPU_ARRAY, __u32, struct totals, 1) WEIR_WINDOW;

WEIR_PROBE(blocklist) {
    struct weir_address source = {};
    struct prefix prefix = {128};
    __u32 zero = 0;
    struct totals* all = bpf_map_lookup_elem(&totals, &zero);
    struct iphdr* ip = weir_parse_ipv4(p);
    struct ipv6hdr* ip6 = ip ? NULL : weir_parse_ipv6(p);
    if (ip)
        weir_address_from_ipv4(&source, ip->saddr);
    else if (ip6)
        weir_address_from_ipv6(&source, &ip6->saddr);
    __builtin_memcpy(prefix.address, source.bytes, sizeof(prefix.address));
    bool is_set = SOURCE && ip && bpf_ntohl(ip->saddr) == SOURCE;
    bool is_blocked = (ip || ip6) && (is_set || bpf_map_lookup_elem(&blocked, &prefix));
    __u64* seen = is_blocked ? weir_window_get(&dropped, &source) : NULL;
    if (seen) *seen += 1; /* each CPU has its own */
    if (all) {
        all->passed += !is_blocked;
        all->dropped += is_blocked;
        all->untracked += is_blocked && !seen;
    }
    return is_blocked ? WEIR_DROP : WEIR_PASS;
}

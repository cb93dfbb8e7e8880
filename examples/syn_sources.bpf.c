/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* syn_sources: who asks for TCP connections, and how often, in a window: SYNs without ACK per IPv4
 * or IPv6 source. A source may be forged, and a SYN that is sent again counts again. Not looked at:
 * what a tunnel carries, and TCP whose header is cut off or in a later fragment. */
#include <weir/flow_key.h>
#include <weir/probe.h>

struct totals {
    __u64 syns;
    __u64 untracked; /* counted in syns as well, but `sources` had no room */
};

WEIR_WINDOW_MAP(sources, struct weir_address, __u64, 65536);
WEIR_MAP(totals, PERCPU_ARRAY, __u32, struct totals, 1) WEIR_WINDOW;

WEIR_PROBE(syn_sources) {
    struct weir_address source = {};
    struct iphdr* ip = weir_parse_ipv4(p);
    struct ipv6hdr* ip6 = ip ? NULL : weir_parse_ipv6(p);
    if (ip)
        weir_address_from_ipv4(&source, ip->saddr);
    else if (ip6)
        weir_address_from_ipv6(&source, &ip6->saddr);
    struct tcphdr* tcp = weir_parse_tcp(p);
    __u32 zero = 0;
    struct totals* all = bpf_map_lookup_elem(&totals, &zero);
    if (!tcp || !tcp->syn || tcp->ack || !all) return WEIR_PASS;
    all->syns += 1;
    __u64* syns = weir_window_get(&sources, &source);
    if (syns)
        *syns += 1; /* each CPU has its own */
    else
        all->untracked += 1;
    return WEIR_PASS;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* port_scan: how many different ends (address and port) each IPv4 or IPv6 source asks for a TCP
 * connection in a window, and a warning when a source reaches TARGETS of them: --set
 * port_scan.TARGETS=50. It finds scans of ports and of hosts by SYN; not UDP, FIN or idle scans,
 * nor slower ones than TARGETS a window. A busy proxy looks the same; a source may be forged. */
#include <weir/flow_key.h>
#include <weir/log.h>
#include <weir/probe.h>

const volatile __u32 TARGETS = 20;

struct target {
    struct weir_address source, destination;
    __u64 port; /* in host order; 8 bytes: no padding */
};

struct totals {
    __u64 syns;
    __u64 untracked; /* of these: `targets` or `sources` had no room */
};

WEIR_MAP(targets, HASH, struct target, __u8, 131072) WEIR_WINDOW WEIR_HIDE;
WEIR_MAP(sources, HASH, struct weir_address, __u64, 16384) WEIR_WINDOW;
WEIR_MAP(totals, PERCPU_ARRAY, __u32, struct totals, 1) WEIR_WINDOW;

WEIR_PROBE(port_scan) {
    struct target target = {};
    __u8 one = 1;
    __u32 zero = 0;
    struct totals* all = bpf_map_lookup_elem(&totals, &zero);
    struct iphdr* ip = weir_parse_ipv4(p);
    struct ipv6hdr* ip6 = ip ? NULL : weir_parse_ipv6(p);
    if (ip) {
        weir_address_from_ipv4(&target.source, ip->saddr);
        weir_address_from_ipv4(&target.destination, ip->daddr);
    } else if (ip6) {
        weir_address_from_ipv6(&target.source, &ip6->saddr);
        weir_address_from_ipv6(&target.destination, &ip6->daddr);
    }
    struct tcphdr* tcp = weir_parse_tcp(p);
    if (!all || !tcp || !tcp->syn || tcp->ack) return WEIR_PASS;
    all->syns += 1;
    target.port = bpf_ntohs(tcp->dest);
    if (bpf_map_lookup_elem(&targets, &target)) return WEIR_PASS;
    __u64* seen = weir_window_get(&sources, &target.source);
    long failed = seen ? bpf_map_update_elem(&targets, &target, &one, BPF_NOEXIST) : -1;
    if (failed && failed != -17) /* EEXIST: another CPU was first */
        all->untracked += 1;
    if (failed || __sync_fetch_and_add(seen, 1) + 1 != TARGETS) return WEIR_PASS;
    if (ip)
        weir_log(WEIR_WARNING, "%pI4 asks %u ends for a connection", &target.source.bytes[12],
                 TARGETS);
    else
        weir_log(WEIR_WARNING, "%pI6 asks %u ends for a connection", &target.source, TARGETS);
    return WEIR_PASS;
}

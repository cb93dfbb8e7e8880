/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* handshake: microseconds from a TCP client's first SYN to the SYN-ACK, and to its ACK, by server,
 * IPv4 and IPv6. On a server xdp and tc-ingress see only SYN and ACK; a mirror port or a capture
 * has all three. Windows are not joined: a SYN without an ACK was not answered, or not in it. */
#include <weir/flow_key.h>
#include <weir/probe.h>

struct ends {
    struct weir_address client, server;
    __u64 ports; /* 8 bytes: no padding */
};

struct began {
    __u64 time;
    __u64 is_answered;
};

struct server {
    __u64 syns; /* clients' first ones */
    __u64 synacks;
    __u64 synack_us; /* the sum of all */
    __u64 acks;
    __u64 ack_us;    /* the sum of all */
    __u64 untracked; /* first SYNs of which `began` had no room */
};

WEIR_MAP(began, HASH, struct ends, struct began, 65536) WEIR_WINDOW WEIR_HIDE;
/* Of a server without room nothing is counted: the report says that the map was full. */
WEIR_WINDOW_MAP(servers, struct weir_address, struct server, 16384);

WEIR_PROBE(handshake) {
    struct weir_address from = {}, to = {};
    struct iphdr* ip = weir_parse_ipv4(p);
    struct ipv6hdr* ip6 = ip ? NULL : weir_parse_ipv6(p);
    struct tcphdr* tcp = weir_parse_tcp(p);
    if (ip)
        weir_address_from_ipv4(&from, ip->saddr), weir_address_from_ipv4(&to, ip->daddr);
    else if (ip6)
        weir_address_from_ipv6(&from, &ip6->saddr), weir_address_from_ipv6(&to, &ip6->daddr);
    if (!tcp || !(tcp->syn | tcp->ack) || tcp->rst) return WEIR_PASS;
    bool is_syn = tcp->syn && !tcp->ack, is_back = tcp->syn && tcp->ack;
    __u32 ports = is_back ? tcp->dest << 16 | tcp->source : tcp->source << 16 | tcp->dest;
    struct ends ends = {is_back ? to : from, is_back ? from : to, ports};
    struct began now = {weir_now()}, *first = bpf_map_lookup_elem(&began, &ends);
    __u64 microseconds = first ? (now.time - first->time) / 1000 : 0;
    struct server* server = is_syn == !first ? weir_window_get(&servers, &ends.server) : NULL;
    if (!server) return WEIR_PASS;
    if (is_syn) {
        server->syns += 1;
        server->untracked += bpf_map_update_elem(&began, &ends, &now, BPF_NOEXIST) != 0;
    } else if (is_back && first && !__sync_lock_test_and_set(&first->is_answered, 1)) {
        server->synacks += 1;
        server->synack_us += microseconds;
    } else if (!is_back && first && !bpf_map_delete_elem(&began, &ends)) {
        server->acks += 1;
        server->ack_us += microseconds;
    }
    return WEIR_PASS;
}

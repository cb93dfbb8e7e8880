/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* flows: who talks to whom. Per window, packets and bytes of every flow, of every IPv4 source with the
 * connections it asked for, and of every protocol: each packet that enters is counted once in `frames`. */
#include <weir/probe.h>

/* A flow's key is hashed as bytes: its members leave no padding between them. */

/* Names for the report; other numbers are shown as they are. */
enum protocol { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58 };

enum tcp_flag { TCP_SYN = 2, TCP_ACK = 16 };

struct flow {
    __be32 source;
    __be32 destination;
    __be16 source_port; /* ports are 0 where there are none: other protocols, later fragments */
    __be16 destination_port;
    enum protocol protocol;
};

struct flow6 {
    struct in6_addr source;
    struct in6_addr destination;
    __be16 source_port;
    __be16 destination_port;
    enum protocol protocol;
};

struct traffic {
    __u64 packets WEIR_FEATURE("count");
    __u64 bytes WEIR_FEATURE("bytes"); /* of the IP packets, headers included */
    __u64 tcp_flags; /* all that were seen: FIN 1, SYN 2, RST 4, PSH 8, ACK 16; 8 bytes: no padding */
};

struct source {
    __u64 packets WEIR_FEATURE("count");
    __u64 bytes WEIR_FEATURE("bytes");
    __u64 syns WEIR_FEATURE("count"); /* TCP connections it asked for: SYN without ACK */
};

struct volume {
    __u64 packets;
    __u64 bytes;
};

struct frames {
    __u64 ipv4;
    __u64 ipv6;
    __u64 other;     /* not IP, or cut off within its headers */
    __u64 untracked; /* counted above as well, but its flow found no room: the map was full */
};

WEIR_MAP(flows, HASH, struct flow, struct traffic, 65536) WEIR_WINDOW;
WEIR_MAP(flows6, HASH, struct flow6, struct traffic, 65536) WEIR_WINDOW;
WEIR_WINDOW_MAP(sources, __be32, struct source, 65536); /* IPv4 only; never fuller than flows */
WEIR_MAP(protocols, PERCPU_ARRAY, __u32, struct volume, 256) WEIR_WINDOW;
WEIR_MAP(frames, PERCPU_ARRAY, __u32, struct frames, 1) WEIR_WINDOW;

struct transport {
    __be16 source_port;
    __be16 destination_port;
    __u8 tcp_flags;
};

static __always_inline struct transport parse_transport(struct weir_packet *p)
{
    struct tcphdr *tcp = weir_parse_tcp(p);
    if (tcp)
        return (struct transport){tcp->source, tcp->dest, weir_tcp_flags(tcp)};
    struct udphdr *udp = weir_parse_udp(p);
    if (udp)
        return (struct transport){udp->source, udp->dest};
    return (struct transport){};
}

/* CPUs share the values of a HASH, hence atomics. NULL: no room for this flow. */
static __always_inline void count(struct traffic *traffic, __u32 bytes, __u8 flags, struct frames *frames)
{
    if (!traffic) {
        frames->untracked += 1;
        return;
    }
    weir_add(&traffic->packets, 1);
    weir_add(&traffic->bytes, bytes);
    if (flags & ~traffic->tcp_flags)
        weir_set_bits(&traffic->tcp_flags, flags);
}

static __always_inline void count_source(__be32 address, __u32 bytes, __u8 flags)
{
    struct source *source = weir_window_get(&sources, &address);
    if (!source)
        return; /* flows is full as well then, and has counted the packet as untracked */
    source->packets += 1;
    source->bytes += bytes;
    if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        source->syns += 1;
}

static __always_inline void count_protocol(__u32 protocol, __u32 bytes)
{
    struct volume *volume = bpf_map_lookup_elem(&protocols, &protocol);
    if (!volume)
        return; /* VERIFIER: 256 entries, cannot fail */
    volume->packets += 1;
    volume->bytes += bytes;
}

static __always_inline void count_ipv4(struct weir_packet *p, const struct iphdr *ip, struct frames *frames)
{
    struct transport transport = parse_transport(p);
    struct flow flow = {
        .source = ip->saddr,
        .destination = ip->daddr,
        .source_port = transport.source_port,
        .destination_port = transport.destination_port,
        .protocol = p->protocol,
    };
    __u32 bytes = weir_ipv4_bytes(p, ip);
    frames->ipv4 += 1;
    count_protocol(p->protocol, bytes);
    count_source(ip->saddr, bytes, transport.tcp_flags);
    count(weir_window_get(&flows, &flow), bytes, transport.tcp_flags, frames);
}

static __always_inline void count_ipv6(struct weir_packet *p, const struct ipv6hdr *ip, struct frames *frames)
{
    struct transport transport = parse_transport(p);
    struct flow6 flow = {
        .source = ip->saddr,
        .destination = ip->daddr,
        .source_port = transport.source_port,
        .destination_port = transport.destination_port,
        .protocol = p->protocol,
    };
    __u32 bytes = weir_ipv6_bytes(p, ip);
    frames->ipv6 += 1;
    count_protocol(p->protocol, bytes);
    count(weir_window_get(&flows6, &flow), bytes, transport.tcp_flags, frames);
}

WEIR_PROBE(flow_count)
{
    struct iphdr *ip;
    struct ipv6hdr *ip6;
    __u32 zero = 0;
    struct frames *counts = bpf_map_lookup_elem(&frames, &zero);
    if (!counts)
        return WEIR_PASS; /* VERIFIER: one entry, cannot fail */

    weir_parse_eth(p);
    if ((ip = weir_parse_ipv4(p)))
        count_ipv4(p, ip, counts);
    else if ((ip6 = weir_parse_ipv6(p)))
        count_ipv6(p, ip6, counts);
    else
        counts->other += 1;
    return WEIR_PASS;
}

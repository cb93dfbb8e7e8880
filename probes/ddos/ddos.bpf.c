/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What DDoS detectors look at: for each flow of a window its ends, its volume, and the features of its first
 * packets, laid out as a network's input. IPv4 and IPv6; TCP, UDP, ICMP and ICMPv6 by their fields, every
 * other protocol by its lengths. Frames without IP are ignored. */
#include <weir/probe.h>
#include <weir/flow.h>
#include <weir/application.h>

/* Parameters: --set ddos.NAME=VALUE */
const volatile bool coarse_clock = false; /* time as of the last tick (1 to 10 ms), 30 ns a packet cheaper */
const volatile __u32 verdict = WEIR_PASS; /* what becomes of every packet: 2 pass, 1 drop */

struct ddos_packet {
    __u64 time WEIR_FEATURE("ns", "CLOCK_MONOTONIC; in a replay Unix time");
    __u32 tcp_ack WEIR_FEATURE("bytes", "acknowledgment number as on the wire");
    __u32 tcp_sequence WEIR_FEATURE("bytes", "sequence number as on the wire");
    __u16 ip_length WEIR_FEATURE("bytes", "total length; IPv6: payload length + 40");
    __u16 ip_fragment WEIR_FEATURE("bits", "reserved 0x8000, DF 0x4000, MF 0x2000, offset / 8 in 0x1fff");
    __u16 tcp_length WEIR_FEATURE("bytes", "payload");
    __u16 tcp_flags WEIR_FEATURE("bits",
                                 "FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256");
    __u16 tcp_window WEIR_FEATURE("bytes", "not scaled");
    __u16 udp_length WEIR_FEATURE("bytes", "header and payload");
    __u8 icmp_type WEIR_FEATURE("number", "of ICMP or ICMPv6");
    __u8 application WEIR_FEATURE("number", "enum weir_application: a guess from ports and payload");
    __u8 is_backward WEIR_FEATURE("number", "1: from the flow's destination to its source");
};

WEIR_FLOW_TENSOR(flows, struct weir_flow_key, struct ddos_packet, 65536, 10);

/* What the headers say, in network order as they do. The fields are taken out before the flow is looked up:
 * with no pointer into the packet left, the verifier sees one state behind all the ways through the headers.
 */
struct headers {
    __s32 ip_payload; /* bytes that IP says lie behind its headers; negative where its lengths lie */
    weir_ip_length ip_length;
    __be16 ip_fragment;
    __u8 transport; /* whose header was whole */
    __u8 protocol;  /* of the flow's key */
    __u8 tcp_header_bytes;
    __u8 icmp_type;
    __be16 source_port, destination_port;
    __be16 tcp_flags, tcp_window, udp_length;
    __be32 tcp_ack, tcp_sequence;
    __u32 payload_start; /* the first four bytes behind the transport header; 0 where there are fewer */
};

enum transport { NONE, TCP, UDP, ICMP };

static __always_inline __u32 payload_start(const struct weir_packet *p)
{
    return p->pos + 4 > p->end ? 0 : *(__u32 *)p->pos;
}

static __always_inline void parse_transport(struct weir_packet *p, struct headers *h)
{
    const struct tcphdr *tcp;
    const struct udphdr *udp;
    const __u8 *icmp;
    h->protocol = p->is_fragment ? IPPROTO_FRAGMENT : p->protocol;
    if ((tcp = weir_parse_tcp(p))) {
        h->transport = TCP;
        h->source_port = tcp->source;
        h->destination_port = tcp->dest;
        h->tcp_header_bytes = tcp->doff * 4;
        h->tcp_ack = tcp->ack_seq;
        h->tcp_sequence = tcp->seq;
        h->tcp_flags = ((const __be16 *)tcp)[6]; /* all of them: struct tcphdr has single bits */
        h->tcp_window = tcp->window;
    } else if ((udp = weir_parse_udp(p))) {
        h->transport = UDP;
        h->source_port = udp->source;
        h->destination_port = udp->dest;
        h->udp_length = udp->len;
    } else if ((icmp = (__u8 *)weir_parse_icmp(p)) || (icmp = (__u8 *)weir_parse_icmpv6(p))) {
        h->transport = ICMP;
        h->icmp_type = *icmp;
        return;
    } else {
        return;
    }
    h->payload_start = payload_start(p);
}

/* Who talks to whom. */
struct ends {
    struct weir_flow_id id;
    struct weir_address source, destination;
};

#define TCP_SYN 2
#define TCP_ACK 16

static __always_inline bool is_echo(const struct headers *h)
{
    return h->icmp_type == ICMP_ECHO || h->icmp_type == ICMP_ECHOREPLY ||
           h->icmp_type == ICMPV6_ECHO_REQUEST || h->icmp_type == ICMPV6_ECHO_REPLY;
}

/* The end that serves in the eyes of this packet: source and destination are the packet's. */
static __always_inline enum weir_server server_by_handshake(const struct headers *h)
{
    if (h->transport == TCP) {
        __u16 flags = bpf_ntohs(h->tcp_flags) & (TCP_SYN | TCP_ACK);
        return flags == TCP_SYN               ? WEIR_SERVER_DESTINATION
               : flags == (TCP_SYN | TCP_ACK) ? WEIR_SERVER_SOURCE
                                              : WEIR_SERVER_UNKNOWN;
    }
    if (h->transport == ICMP) {
        __u8 type = h->icmp_type;
        if (type == ICMP_ECHO || type == ICMPV6_ECHO_REQUEST)
            return WEIR_SERVER_DESTINATION;
        if (type == ICMPV6_ECHO_REPLY || (type == ICMP_ECHOREPLY && h->protocol == IPPROTO_ICMP))
            return WEIR_SERVER_SOURCE;
    }
    return WEIR_SERVER_UNKNOWN;
}

#define WELL_KNOWN_PORTS 1024

static __always_inline enum weir_server server_by_port(const struct headers *h)
{
    __u16 source = bpf_ntohs(h->source_port), destination = bpf_ntohs(h->destination_port);
    if (source == destination)
        return WEIR_SERVER_UNKNOWN;
    if (source > destination)
        return destination < WELL_KNOWN_PORTS ? WEIR_SERVER_DESTINATION : WEIR_SERVER_UNKNOWN;
    return source < WELL_KNOWN_PORTS ? WEIR_SERVER_SOURCE : WEIR_SERVER_UNKNOWN;
}

/* What the end is called in the flow's own direction. */
static __always_inline enum weir_server in_flow(enum weir_server server, bool is_backward)
{
    if (server == WEIR_SERVER_UNKNOWN || !is_backward)
        return server;
    return server == WEIR_SERVER_SOURCE ? WEIR_SERVER_DESTINATION : WEIR_SERVER_SOURCE;
}

/* A handshake is certain and overwrites; a port is a guess, made once, that may not overwrite another CPU's
 * handshake. */
static __always_inline void note_server(__u32 *noted, const struct headers *h, bool is_new, bool is_backward)
{
    enum weir_server server = server_by_handshake(h);
    if (server != WEIR_SERVER_UNKNOWN)
        *(volatile __u32 *)noted = in_flow(server, is_backward);
    else if (is_new)
        __sync_val_compare_and_swap(noted, WEIR_SERVER_UNKNOWN, in_flow(server_by_port(h), is_backward));
}

static __always_inline enum weir_application guess_application(const struct headers *h, __u32 payload_bytes)
{
    if (!payload_bytes)
        return WEIR_APPLICATION_NONE;
    __u16 source = bpf_ntohs(h->source_port), destination = bpf_ntohs(h->destination_port);
    __u16 low = source < destination ? source : destination,
          high = source < destination ? destination : source;
    return h->transport == TCP ? weir_application_tcp(low, h->payload_start)
                               : weir_application_udp(low, high);
}

/* The record was zero before: what a protocol does not have is left alone. */
static __always_inline void record(const struct headers *h, bool is_backward, struct ddos_packet *packet)
{
    weir_ip_length payload_bytes = 0;
    packet->time = coarse_clock ? weir_now_coarse() : weir_now();
    packet->ip_length = weir_saturated(h->ip_length);
    packet->ip_fragment = bpf_ntohs(h->ip_fragment);
    packet->is_backward = is_backward;
    if (h->transport == TCP) {
        payload_bytes = h->ip_payload > h->tcp_header_bytes ? h->ip_payload - h->tcp_header_bytes : 0;
        packet->tcp_ack = bpf_ntohl(h->tcp_ack);
        packet->tcp_sequence = bpf_ntohl(h->tcp_sequence);
        packet->tcp_length = weir_saturated(payload_bytes);
        packet->tcp_flags = bpf_ntohs(h->tcp_flags) & 0xfff;
        packet->tcp_window = bpf_ntohs(h->tcp_window);
    } else if (h->transport == UDP) {
        packet->udp_length = bpf_ntohs(h->udp_length);
        payload_bytes =
            packet->udp_length > sizeof(struct udphdr) ? packet->udp_length - sizeof(struct udphdr) : 0;
    } else if (h->transport == ICMP) {
        packet->icmp_type = h->icmp_type;
        packet->application =
            is_echo(h) && h->ip_payload > (int)sizeof(struct icmphdr) ? WEIR_APPLICATION_DATA : 0;
        return;
    }
    packet->application = guess_application(h, payload_bytes);
}

static __always_inline void track(struct weir_packet *p, const struct headers *h, const struct ends *ends)
{
    struct weir_flow_head *flow = weir_flow(flows, p, ends->id);
    if (!flow)
        return;
    struct weir_flow_key *key = weir_flow_new_key(flows, p);
    if (key) { /* whoever claims a flow writes its key, in the direction of its packet */
        key->source = ends->source;
        key->destination = ends->destination;
        key->source_port = h->source_port;
        key->destination_port = h->destination_port;
        key->protocol = h->protocol;
    }
    bool is_backward = weir_flow_is_backward(flow->tag, ends->id);
    weir_flow_add_bytes(flow, ends->id, h->ip_length);
    struct ddos_packet *packet = weir_flow_packet(flows, p, flow);
    if (!packet)
        return;
    __u32 *server = weir_flow_server(flows, p);
    if (server)
        note_server(server, h, p->is_new_flow, is_backward);
    record(h, is_backward, packet);
}

WEIR_PROBE(ddos)
{
    struct headers h = {};
    struct ends ends;
    struct iphdr *ip;
    struct ipv6hdr *ip6;
    weir_parse_eth(p);
    if ((ip = weir_parse_ipv4(p))) {
        h.ip_length = weir_ipv4_bytes(p, ip);
        h.ip_payload = h.ip_length - ip->ihl * 4;
        h.ip_fragment = ip->frag_off;
        parse_transport(p, &h);
        ends.id = weir_flow_id_ipv4(ip->saddr, ip->daddr, h.source_port, h.destination_port, h.protocol);
        weir_address_from_ipv4(&ends.source, ip->saddr);
        weir_address_from_ipv4(&ends.destination, ip->daddr);
    } else if ((ip6 = weir_parse_ipv6(p))) {
        h.ip_length = weir_ipv6_bytes(p, ip6);
        h.ip_payload =
            weir_ipv6_bytes(p, ip6) - sizeof(*ip6) - (p->pos - (void *)(ip6 + 1)); /* less the extensions */
        parse_transport(p, &h);
        ends.id = weir_flow_id_ipv6(&ip6->saddr, &ip6->daddr, h.source_port, h.destination_port, h.protocol);
        weir_address_from_ipv6(&ends.source, &ip6->saddr);
        weir_address_from_ipv6(&ends.destination, &ip6->daddr);
    } else {
        return verdict;
    }
    track(p, &h, &ends);
    return verdict;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The packet as a cursor, and a parser for each header.
 *
 * One contract for all: weir_parse_x() returns the header and moves past it, or returns NULL and moves
 * nothing. NULL: another protocol, or the packet ends too early. Fields stay in network order; their types
 * (__be16, __be32) say so. The IP parsers may be called on a whole frame, they pass Ethernet by themselves.
 *
 *     struct iphdr *ip = weir_parse_ipv4(p);
 *     struct tcphdr *tcp = ip ? weir_parse_tcp(p) : NULL; */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/icmpv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "icmp.h"

struct weir_packet {
    void *pos; /* what comes next */
    void *end;
    struct xdp_md *ctx;
    __be16 ethertype;   /* of what follows Ethernet and its tags; 0 while Ethernet itself is next */
    __u8 protocol;      /* what IP carries, once it is parsed: IPPROTO_... */
    bool has_transport; /* the header of that protocol is next: no later fragment, not cut off */
};

static __always_inline struct weir_packet weir_packet(struct xdp_md *ctx)
{
    return (struct weir_packet){
        .pos = (void *)(long)ctx->data,
        .end = (void *)(long)ctx->data_end,
        .ctx = ctx,
    };
}

struct weir_vlan {
    __be16 tci;
    __be16 ethertype;
};

#define WEIR_MAX_VLANS 2 /* QinQ */

/* Ethernet with its VLAN tags; p->ethertype is the type behind the last one. */
static __always_inline struct ethhdr *weir_parse_eth(struct weir_packet *p)
{
    struct ethhdr *eth = p->pos;
    if (p->ethertype || (void *)(eth + 1) > p->end)
        return NULL;
    void *pos = eth + 1;
    __be16 ethertype = eth->h_proto;
#pragma unroll
    for (int i = 0; i < WEIR_MAX_VLANS; i++) {
        struct weir_vlan *vlan = pos;
        if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
            break;
        if ((void *)(vlan + 1) > p->end)
            return NULL;
        ethertype = vlan->ethertype;
        pos = vlan + 1;
    }
    p->pos = pos;
    p->ethertype = ethertype;
    return eth;
}

/* IPv4 with its options. */
static __always_inline struct iphdr *weir_parse_ipv4(struct weir_packet *p)
{
    struct weir_packet at = *p;
    if (!at.ethertype && !weir_parse_eth(&at))
        return NULL;
    struct iphdr *ip = at.pos;
    if (at.ethertype != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > at.end)
        return NULL;
    __u32 bytes = ip->ihl * 4;
    if (ip->version != 4 || bytes < sizeof(*ip) || at.pos + bytes > at.end)
        return NULL;
    at.pos += bytes;
    at.protocol = ip->protocol;
    at.has_transport = !(ip->frag_off & bpf_htons(0x1fff)); /* offset 0: the first fragment or the only one */
    *p = at;
    return ip;
}

#define WEIR_MAX_IPV6_EXTENSIONS 6 /* RFC 8200 section 4.1 recommends each of six at most once */

/* The start that IPv6's extension headers share. */
struct weir_ipv6_extension {
    __u8 next;
    __u8 length; /* in units of 8 bytes after the first 8; of 4 in AH; reserved in the fragment header */
    __be16 fragment;
    __be32 rest;
};

/* Passes the extension headers. What stops it (cut off, too many, a later fragment) leaves
 * has_transport false; protocol is the last one known. */
static __always_inline void weir_pass_ipv6_extensions(struct weir_packet *p)
{
    for (int i = 0; i <= WEIR_MAX_IPV6_EXTENSIONS; i++) {
        struct weir_ipv6_extension *extension = p->pos;
        __u32 bytes = 8;
        bool is_fragment = p->protocol == IPPROTO_FRAGMENT;
        bool is_auth = p->protocol == IPPROTO_AH;
        if (!is_fragment && !is_auth && p->protocol != IPPROTO_HOPOPTS && p->protocol != IPPROTO_ROUTING &&
            p->protocol != IPPROTO_DSTOPTS && p->protocol != IPPROTO_MH) {
            p->has_transport = p->protocol != IPPROTO_NONE;
            return;
        }
        if ((void *)(extension + 1) > p->end)
            return;
        if (is_auth)
            bytes = (extension->length + 2) * 4;
        else if (!is_fragment)
            bytes = (extension->length + 1) * 8;
        if (p->pos + bytes > p->end)
            return;
        p->protocol = extension->next;
        p->pos += bytes;
        if (is_fragment && extension->fragment & bpf_htons(0xfff8))
            return;
    }
}

/* IPv6 with its extension headers. */
static __always_inline struct ipv6hdr *weir_parse_ipv6(struct weir_packet *p)
{
    struct weir_packet at = *p;
    if (!at.ethertype && !weir_parse_eth(&at))
        return NULL;
    struct ipv6hdr *ip = at.pos;
    if (at.ethertype != bpf_htons(ETH_P_IPV6) || (void *)(ip + 1) > at.end || ip->version != 6)
        return NULL;
    at.pos = ip + 1;
    at.protocol = ip->nexthdr;
    at.has_transport = false;
    weir_pass_ipv6_extensions(&at);
    *p = at;
    return ip;
}

/* TCP with its options. */
static __always_inline struct tcphdr *weir_parse_tcp(struct weir_packet *p)
{
    struct tcphdr *tcp = p->pos;
    if (!p->has_transport || p->protocol != IPPROTO_TCP || (void *)(tcp + 1) > p->end)
        return NULL;
    __u32 bytes = tcp->doff * 4;
    if (bytes < sizeof(*tcp) || p->pos + bytes > p->end)
        return NULL;
    p->pos += bytes;
    p->has_transport = false;
    return tcp;
}

static __always_inline struct udphdr *weir_parse_udp(struct weir_packet *p)
{
    struct udphdr *udp = p->pos;
    if (!p->has_transport || p->protocol != IPPROTO_UDP || (void *)(udp + 1) > p->end)
        return NULL;
    p->pos = udp + 1;
    p->has_transport = false;
    return udp;
}

static __always_inline struct icmphdr *weir_parse_icmp(struct weir_packet *p)
{
    struct icmphdr *icmp = p->pos;
    if (!p->has_transport || p->protocol != IPPROTO_ICMP || (void *)(icmp + 1) > p->end)
        return NULL;
    p->pos = icmp + 1;
    p->has_transport = false;
    return icmp;
}

static __always_inline struct icmp6hdr *weir_parse_icmpv6(struct weir_packet *p)
{
    struct icmp6hdr *icmp = p->pos;
    if (!p->has_transport || p->protocol != IPPROTO_ICMPV6 || (void *)(icmp + 1) > p->end)
        return NULL;
    p->pos = icmp + 1;
    p->has_transport = false;
    return icmp;
}

/* The flag byte of a TCP header, as RFC 9293 numbers it: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64,
 * CWR 128. */
static __always_inline __u8 weir_tcp_flags(const struct tcphdr *tcp)
{
    return ((const __u8 *)tcp)[13];
}

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
    bool is_fragment;   /* a fragment after the first: its transport header is elsewhere */
    bool is_new_flow;   /* flow.h: this packet claimed its flow */
    __u32 flow_row;     /* flow.h: where its flow lies */
    __u32 outcome;      /* flow.h: enum weir_outcome */
    __u32 copies_lost;  /* copy.h */
    __u32 copies_cut;
};

/* Interfaces without a link header (tun, PPP, tunnels): the loader sets it, frames begin with IP. */
static const volatile bool weir_is_raw_ip __attribute__((section(".rodata.weir"))) = false;

#define WEIR_NO_ETHERTYPE 0xffff /* reserved: IEEE Std 802-2014 */

/* By the version that IPv4 and IPv6 begin with; anything else is no ethertype that a parser takes. */
static __always_inline __be16 weir_raw_ip_ethertype(const void *pos, const void *end)
{
    __u8 version = pos + 1 > end ? 0 : *(const __u8 *)pos >> 4;
    return version == 4 ? bpf_htons(ETH_P_IP) : version == 6 ? bpf_htons(ETH_P_IPV6) : WEIR_NO_ETHERTYPE;
}

static __always_inline struct weir_packet weir_packet(struct xdp_md *ctx)
{
    return (struct weir_packet){
        .pos = (void *)(long)ctx->data,
        .end = (void *)(long)ctx->data_end,
        .ctx = ctx,
        .ethertype =
            weir_is_raw_ip ? weir_raw_ip_ethertype((void *)(long)ctx->data, (void *)(long)ctx->data_end) : 0,
    };
}

/* `value & mask`, which the compiler may not drop because it knows better. VERIFIER: where several ways meet,
 * the value has one range for all; else each would be a state of its own, and all that follows would be
 * verified for each of them. */
static __always_inline __u32 weir_masked(__u32 value, __u32 mask)
{
    asm volatile("%[value] &= %[mask]" : [value] "+r"(value) : [mask] "i"(mask));
    return value;
}

struct weir_vlan {
    __be16 tci;
    __be16 ethertype;
};

#define WEIR_MAX_VLANS 2 /* QinQ */

#define WEIR_MAX_MPLS_LABELS 4

static __always_inline bool weir_is_mpls(__be16 ethertype)
{
    return ethertype == bpf_htons(ETH_P_MPLS_UC) || ethertype == bpf_htons(ETH_P_MPLS_MC);
}

/* Passes a label stack (RFC 3032: 20 bits of label, 3 of class, the bottom's mark, 8 of TTL). Returns the
 * offset behind it in bits 0 to 15 and the ethertype of what is there from bit 16 on: IP by its version, or
 * nothing that we know. A global function for the reason of weir_ipv6_extensions(). */
__attribute__((noinline)) __u64 weir_mpls(struct xdp_md *ctx, __u32 offset)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    for (int i = 0; i < WEIR_MAX_MPLS_LABELS; i++) {
        __u8 *label = data + (offset & 63);
        if (label + 5 > (__u8 *)end) /* and the first byte of what follows */
            break;
        offset += 4;
        if (label[2] & 1)
            return offset | (__u64)weir_raw_ip_ethertype(label + 4, end) << 16;
    }
    return offset | (__u64)WEIR_NO_ETHERTYPE << 16;
}

/* Ethernet with its VLAN tags and MPLS labels; p->ethertype is the type behind the last one. */
static __always_inline struct ethhdr *weir_parse_eth(struct weir_packet *p)
{
    struct ethhdr *eth = p->pos;
    if (p->ethertype || (void *)(eth + 1) > p->end)
        return NULL;
    __be16 ethertype = eth->h_proto;
    __u32 offset = sizeof(*eth);
#pragma unroll
    for (int i = 0; i < WEIR_MAX_VLANS; i++) {
        struct weir_vlan *vlan = p->pos + offset;
        if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
            break;
        if ((void *)(vlan + 1) > p->end)
            return NULL;
        ethertype = vlan->ethertype;
        offset += sizeof(*vlan);
    }
    if (weir_is_mpls(ethertype)) {
        __u64 found = weir_mpls(p->ctx, offset);
        offset = (__u16)found;
        ethertype = found >> 16;
    }
    p->pos += weir_masked(offset, 63);
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
    at.is_fragment = ip->frag_off & bpf_htons(0x1fff); /* offset 0: the first fragment or the only one */
    at.has_transport = !at.is_fragment;
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

/* What weir_ipv6_extensions() found. */
#define WEIR_IPV6_OFFSET(found) ((__u32)(found) & 0xfff)  /* from the start of the frame */
#define WEIR_IPV6_PROTOCOL(found) ((__u8)((found) >> 16)) /* the last one known */
#define WEIR_IPV6_HAS_TRANSPORT (1ull << 24)
#define WEIR_IPV6_IS_FRAGMENT (1ull << 25)

/* Passes the extension headers from `offset` on. What stops it (cut off, too many, a later fragment) leaves
 * HAS_TRANSPORT out.
 *
 * A global function, which the verifier looks at once, by itself: inlined, every way through the headers
 * would be a state of its own, and all that follows would be verified for each of them. Kernel: tail calls
 * and functions in one program, 5.10 (arm64: 6.0). */
__attribute__((noinline)) __u64 weir_ipv6_extensions(struct xdp_md *ctx, __u32 offset, __u32 protocol)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    for (int i = 0; i <= WEIR_MAX_IPV6_EXTENSIONS; i++) {
        struct weir_ipv6_extension *extension = data + (offset & 0xfff);
        __u32 bytes = 8;
        bool is_fragment = protocol == IPPROTO_FRAGMENT;
        bool is_auth = protocol == IPPROTO_AH;
        if (!is_fragment && !is_auth && protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING &&
            protocol != IPPROTO_DSTOPTS && protocol != IPPROTO_MH)
            return offset | protocol << 16 | (protocol == IPPROTO_NONE ? 0 : WEIR_IPV6_HAS_TRANSPORT);
        if ((void *)(extension + 1) > end)
            break;
        if (is_auth)
            bytes = (extension->length + 2) * 4;
        else if (!is_fragment)
            bytes = (extension->length + 1) * 8;
        if ((void *)extension + bytes > end || offset + bytes > 0xfff)
            break;
        protocol = extension->next;
        offset += bytes;
        if (is_fragment && extension->fragment & bpf_htons(0xfff8))
            return offset | protocol << 16 | WEIR_IPV6_IS_FRAGMENT;
    }
    return offset | protocol << 16;
}

static __always_inline bool weir_is_ipv6_extension(__u8 protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
           protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_MH ||
           protocol == IPPROTO_NONE;
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
    at.has_transport = true;
    if (weir_is_ipv6_extension(at.protocol)) {
        void *data = (void *)(long)at.ctx->data;
        __u64 found = weir_ipv6_extensions(at.ctx, at.pos - data, at.protocol);
        at.pos = data + WEIR_IPV6_OFFSET(found);
        at.protocol = WEIR_IPV6_PROTOCOL(found);
        at.has_transport = found & WEIR_IPV6_HAS_TRANSPORT;
        at.is_fragment = found & WEIR_IPV6_IS_FRAGMENT;
    }
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

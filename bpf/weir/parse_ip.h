/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* IPv4 with its options, IPv6 with its extension headers. The parsers' contract: parse.h. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include "packet.h"
#include "parse_link.h"

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

/* Holds the length of an IP packet. VERIFIER: what came out of 16 bits and is stored in more has as many
 * ranges as there were ways to it, and each is followed by itself. */
#ifdef WEIR_HOOK_TC
typedef __u32 weir_ip_length;
#else
typedef __u16 weir_ip_length;
#endif

/* What the kernel joined on tc can be longer than IP's 16 bits hold; these then say 0 (BIG TCP). */
static __always_inline __u32 weir_ip_bytes(const struct weir_packet *p, const void *ip, __u32 said,
                                           __u32 fixed)
{
#ifdef WEIR_HOOK_TC
    if (!said && p->ctx->gso_segs) {
        __u64 before = ip - (void *)(long)p->ctx->data;
        asm volatile("" : "+r"(before)); /* VERIFIER: pointers are subtracted in 64 bits */
        return p->ctx->len - before;
    }
#endif
    return said + fixed;
}

/* Bytes of the IP packet, its headers included. Cost: on xdp, reading the field. */
static __always_inline __u32 weir_ipv4_bytes(const struct weir_packet *p, const struct iphdr *ip)
{
    return weir_ip_bytes(p, ip, bpf_ntohs(ip->tot_len), 0);
}

static __always_inline __u32 weir_ipv6_bytes(const struct weir_packet *p, const struct ipv6hdr *ip)
{
    return weir_ip_bytes(p, ip, bpf_ntohs(ip->payload_len), sizeof(*ip));
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
__attribute__((noinline)) __u64 weir_ipv6_extensions(WEIR_CONTEXT *ctx, __u32 offset, __u32 protocol)
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

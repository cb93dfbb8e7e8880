/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Who a flow is: its two ends, and a hash of them that both directions share. flow.h includes it. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
struct weir_address {
    __u8 bytes[16] __attribute__((aligned(8)));
};

/* The two ends, in the direction of the first packet that was seen: source is who began. */
struct weir_flow_key {
    struct weir_address source, destination;
    __be16 source_port, destination_port; /* 0 where the protocol has none */
    __u8 protocol;                        /* IPPROTO_...; IPPROTO_FRAGMENT: fragments after the first */
};

/* Which end serves, as far as a packet said so: by SYN or echo request, else by a well-known port. */
enum weir_server { WEIR_SERVER_UNKNOWN, WEIR_SERVER_SOURCE, WEIR_SERVER_DESTINATION };

/* Random for each start, fixed in a replay: whoever knows the hash could fill the places of one flow. */
static const volatile __u64 weir_flow_seed __attribute__((section(".rodata.weir"))) = 0x9e3779b97f4a7c15ull;

/* A packet's flow: a hash that both directions share in bits 2 to 63, which alone is the flow's identity,
 * and the packet's direction in bit 0 (1: from the higher end to the lower). The tag is never 0. */
struct weir_flow_id {
    __u64 tag;
};

/* Two multiplications mix each word into all bits above it, the shift brings them back down.
 * Constants: the finaliser of MurmurHash3 (A. Appleby, public domain) and the golden ratio. */
static __always_inline __u64 weir_flow_mix(__u64 hash, __u64 word)
{
    hash = (hash ^ word) * 0xff51afd7ed558ccdull;
    return hash ^ hash >> 32;
}

static __always_inline struct weir_flow_id weir_flow_tag(__u64 hash, bool is_backward)
{
    hash *= 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
    return (struct weir_flow_id){.tag = ((hash | 2) & ~1ull) | is_backward};
}

/* Both ends' ports in the order of the ends, and the protocol. */
static __always_inline __u64 weir_flow_ports(__be16 source_port, __be16 destination_port, __u8 protocol,
                                             bool is_backward)
{
    __u64 ports = is_backward ? (__u32)destination_port << 16 | source_port
                              : (__u32)source_port << 16 | destination_port;
    return ports | (__u64)protocol << 32;
}

static __always_inline struct weir_flow_id weir_flow_id_ipv4(__be32 source, __be32 destination,
                                                             __be16 source_port, __be16 destination_port,
                                                             __u8 protocol)
{
    bool is_backward = source == destination ? source_port > destination_port : source > destination;
    __u64 ends = is_backward ? (__u64)destination << 32 | source : (__u64)source << 32 | destination;
    __u64 hash = weir_flow_mix(weir_flow_seed, ends);
    hash = weir_flow_mix(hash, weir_flow_ports(source_port, destination_port, protocol, is_backward));
    return weir_flow_tag(hash, is_backward);
}

static __always_inline struct weir_flow_id weir_flow_id_ipv6(const struct in6_addr *source,
                                                             const struct in6_addr *destination,
                                                             __be16 source_port, __be16 destination_port,
                                                             __u8 protocol)
{
    /* Halves of two 32-bit words: headers behind Ethernet are aligned to two bytes only. */
    const __u32 *s = source->in6_u.u6_addr32, *d = destination->in6_u.u6_addr32;
    __u64 s_high = (__u64)s[0] << 32 | s[1], s_low = (__u64)s[2] << 32 | s[3];
    __u64 d_high = (__u64)d[0] << 32 | d[1], d_low = (__u64)d[2] << 32 | d[3];
    bool is_backward = s_high != d_high ? s_high > d_high
                       : s_low != d_low ? s_low > d_low
                                        : source_port > destination_port;
    __u64 hash = ~weir_flow_seed; /* ::ffff:a.b.c.d on the wire is not a.b.c.d */
    hash = weir_flow_mix(hash, is_backward ? d_high : s_high);
    hash = weir_flow_mix(hash, is_backward ? d_low : s_low);
    hash = weir_flow_mix(hash, is_backward ? s_high : d_high);
    hash = weir_flow_mix(hash, is_backward ? s_low : d_low);
    hash = weir_flow_mix(hash, weir_flow_ports(source_port, destination_port, protocol, is_backward));
    return weir_flow_tag(hash, is_backward);
}

static __always_inline void weir_address_from_ipv4(struct weir_address *address, __be32 ipv4)
{
    __u32 *words = (__u32 *)address->bytes;
    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = ipv4;
}

static __always_inline void weir_address_from_ipv6(struct weir_address *address, const struct in6_addr *ipv6)
{
    __u32 *words = (__u32 *)address->bytes;
    words[0] = ipv6->in6_u.u6_addr32[0];
    words[1] = ipv6->in6_u.u6_addr32[1];
    words[2] = ipv6->in6_u.u6_addr32[2];
    words[3] = ipv6->in6_u.u6_addr32[3];
}

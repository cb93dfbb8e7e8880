/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* TCP with its options, UDP, ICMP, ICMPv6. The parsers' contract: parse.h. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/in.h>
#include <linux/icmpv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "icmp.h"
#include "packet.h"

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

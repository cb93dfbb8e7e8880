/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Ethernet with VLAN tags and MPLS labels. The parsers' contract: parse.h. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "packet.h"

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

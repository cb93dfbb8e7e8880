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

#define WEIR_MAX_MPLS_LABELS 4

static __always_inline bool weir_is_mpls(__be16 ethertype)
{
    return ethertype == bpf_htons(ETH_P_MPLS_UC) || ethertype == bpf_htons(ETH_P_MPLS_MC);
}

/* Passes a label stack (RFC 3032: 20 bits of label, 3 of class, the bottom's mark, 8 of TTL). Returns the
 * offset behind it in bits 0 to 15 and the ethertype of what is there from bit 16 on: IP by its version, or
 * nothing that we know. A global function for the reason of weir_ipv6_extensions(). */
__attribute__((noinline)) __u64 weir_mpls(WEIR_CONTEXT *ctx, __u32 offset)
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

/* Whether a tag of this packet lies beside its bytes: on tc the kernel, or the device, has taken the
 * outermost one out of them. */
static __always_inline bool weir_has_vlan_beside(const struct weir_packet *p)
{
#ifdef WEIR_HOOK_TC
    return p->ctx->vlan_present;
#else
    return false;
#endif
}

/* `tci`: of the tags within the bytes, in network order. Nothing is left of this where nobody looks at it. */
static __always_inline void weir_note_vlans(struct weir_packet *p, const __be16 *tci, __u8 tags)
{
    p->vlans = tags;
    p->vlan_tci[0] = tags > 0 ? bpf_ntohs(tci[0]) : 0;
    p->vlan_tci[1] = tags > 1 ? bpf_ntohs(tci[1]) : 0;
#ifdef WEIR_HOOK_TC
    if (!weir_has_vlan_beside(p))
        return;
    p->vlans = tags + 1;
    p->vlan_tci[1] = p->vlan_tci[0];
    p->vlan_tci[0] = p->ctx->vlan_tci;
#endif
}

/* Ethernet with its VLAN tags and MPLS labels; p->ethertype is the type behind the last one. */
static __always_inline struct ethhdr *weir_parse_eth(struct weir_packet *p)
{
    struct ethhdr *eth = p->pos;
    if (p->ethertype || (void *)(eth + 1) > p->end)
        return NULL;
    __be16 ethertype = eth->h_proto;
    __u32 offset = sizeof(*eth);
    __be16 tci[WEIR_MAX_VLANS] = {};
    __u8 tags = 0;
#pragma unroll
    for (int i = 0; i < WEIR_MAX_VLANS; i++) {
        struct weir_vlan *vlan = p->pos + offset;
        if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
            break;
        if (i == WEIR_MAX_VLANS - 1 && weir_has_vlan_beside(p))
            break; /* one more than elsewhere */
        if ((void *)(vlan + 1) > p->end)
            return NULL;
        tci[i] = vlan->tci;
        tags = i + 1;
        ethertype = vlan->ethertype;
        offset += sizeof(*vlan);
    }
    if (weir_is_mpls(ethertype)) {
        __u64 found = weir_mpls(p->ctx, offset);
        offset = (__u16)found;
        ethertype = found >> 16;
    }
    weir_note_vlans(p, tci, tags);
    p->pos += weir_masked(offset, 63);
    p->ethertype = ethertype;
    return eth;
}

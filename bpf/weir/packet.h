/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The packet as a cursor: what the parsers (parse.h) move along. Bounds are the caller's: what lies behind
 * `pos` is good up to `end`. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "hook.h"

#define WEIR_MAX_VLANS 2 /* QinQ */

struct weir_packet {
    void *pos; /* what comes next */
    void *end; /* of the bytes that can be read in place */
    WEIR_CONTEXT *ctx;
    __be16 ethertype;   /* of what follows Ethernet and its tags; 0 while Ethernet itself is next */
    __u8 vlans;         /* tags that weir_parse_eth() passed, wherever the hook has them */
    __u8 protocol;      /* what IP carries, once it is parsed: IPPROTO_... */
    bool has_transport; /* the header of that protocol is next: no later fragment, not cut off */
    bool is_fragment;   /* a fragment after the first: its transport header is elsewhere */
    bool has_lost_link; /* tc-ingress behind XDP in skb mode: the frame begins with IP all the same */
    bool is_new_flow;   /* flow.h: this packet claimed its flow */
    __u32 flow_row;     /* flow.h: where its flow lies */
    __u32 outcome;      /* flow.h: enum weir_outcome */
    /* Of each tag, the outermost first, in host order: priority, DEI and VID (the low 12 bits). */
    __u16 vlan_tci[WEIR_MAX_VLANS];
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

/* Whether the kernel has lost the link header of a packet that came with one. Where XDP in skb mode had to
 * copy a packet, tc-ingress sees it from IP on: net/core/skbuff.c:skb_pp_cow_data() leaves mac_len behind
 * (6.18). Told by IP in the first byte, and no ethertype where it would be, or a length that is just the
 * packet's. */
static __always_inline bool weir_has_lost_link(WEIR_CONTEXT *ctx)
{
#ifdef WEIR_HOOK_TC
    const __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (weir_is_egress || weir_is_raw_ip || data + 20 > end)
        return false;
    bool is_ipv4 = ctx->protocol == bpf_htons(ETH_P_IP) && data[0] >> 4 == 4;
    bool is_ipv6 = ctx->protocol == bpf_htons(ETH_P_IPV6) && data[0] >> 4 == 6;
    __u32 length = is_ipv4 ? data[2] << 8 | data[3] : (data[4] << 8 | data[5]) + 40;
    return (is_ipv4 || is_ipv6) && (*(__be16 *)(data + 12) != (__be16)ctx->protocol || length == ctx->len);
#else
    return false;
#endif
}

static __always_inline struct weir_packet weir_packet(WEIR_CONTEXT *ctx)
{
    bool has_lost_link = weir_has_lost_link(ctx);
    const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    return (struct weir_packet){
        .pos = (void *)(long)ctx->data,
        .end = (void *)(long)ctx->data_end,
        .ctx = ctx,
        .has_lost_link = has_lost_link,
        .ethertype = weir_is_raw_ip || has_lost_link ? weir_raw_ip_ethertype(data, end) : 0,
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

/* Set by the loader: XDP may run on frames in several buffers (Linux 5.18). */
static const volatile bool weir_with_frags __attribute__((section(".rodata.weir"), unused)) = false;

/* Bytes of the whole frame, from the link header on, with all its VLAN tags: the same on every hook, wherever
 * the bytes lie. On tc a packet may be many frames (weir_segments()) and longer than 65,535 bytes. Cost: on
 * xdp, where frames may have several buffers, a call. */
static __always_inline __u32 weir_frame_bytes(const struct weir_packet *p)
{
#ifdef WEIR_HOOK_TC
    return p->ctx->len + (p->ctx->vlan_present ? 4 : 0) + (p->has_lost_link ? ETH_HLEN : 0);
#else
    if (weir_with_frags)
        return bpf_xdp_get_buff_len(p->ctx);
    return (void *)(long)p->ctx->data_end - (void *)(long)p->ctx->data;
#endif
}

/* Frames on the wire that this packet stands for: on tc the kernel joins what it received (GRO) and cuts
 * what it sends (GSO, TSO) elsewhere; a probe runs once for all of them, on the headers of the first. */
static __always_inline __u32 weir_segments(const struct weir_packet *p)
{
#ifdef WEIR_HOOK_TC
    __u32 segments = p->ctx->gso_segs;
    return segments ? segments : 1;
#else
    return 1;
#endif
}

/* For fields of 16 bits. */
static __always_inline __u16 weir_saturated(__u32 value)
{
    return value > 0xffff ? 0xffff : value;
}

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

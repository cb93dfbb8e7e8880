/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* For a handler(ctx, md) in the manner of DeChainy: packet metadata, header structs, time and logging. */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "../icmp.h"

/* What the framework passes with -D; --cflags comes first. */
#ifndef XDP
#ifdef WEIR_HOOK_TC
#define XDP 0
#else
#define XDP 1
#endif
#endif
#ifdef WEIR_HOOK_EGRESS
#define WEIR_BCC_IS_INGRESS 0
#else
#define WEIR_BCC_IS_INGRESS 1
#endif
#ifndef INGRESS
#define INGRESS WEIR_BCC_IS_INGRESS
#endif
#ifndef PTYPE
#define PTYPE !WEIR_BCC_IS_INGRESS
#endif

/* Not linux/if_ether.h's struct ethhdr: addresses are 48-bit numbers. */
struct eth_hdr {
    __be64 dst : 48;
    __be64 src : 48;
    __be16 proto;
} __attribute__((packed));

enum { ECHO_REPLY = 0, ECHO_REQUEST = 8 };

struct lpm_key {
    u32 netmask_len;
    u32 ip; /* network order */
} __attribute__((packed));

struct pkt_metadata {
    u32 ifindex;
    u32 length; /* bytes of the frame */
    u8 ingress;
    u8 xdp;
    u16 program_id; /* weir has no numbers for these three: 0 */
    u16 plugin_id;
    u16 probe_id;
} __attribute__((packed));

/* Unix time in nanoseconds. Sources call it with the context and without. */
static __always_inline u64 weir_time_epoch(void)
{
    return EPOCH_BASE + bpf_ktime_get_ns();
}
#define get_time_epoch(...) weir_time_epoch()

/* Position of the first bit that is set, counted from the most significant one; 0 where none is.
 * VERIFIER: global and not inlined, hence followed once. Inlined into a loop over rules, its branches
 * multiply beyond a million instructions (6.18). */
__attribute__((noinline)) int first_bit_set_pos(u64 bits)
{
    int position = 0;
    if (!bits)
        return 0;
    for (int width = 32; width; width >>= 1) {
        if (!(bits >> (64 - width))) {
            bits <<= width;
            position += width;
        }
    }
    return position;
}

/* Logging goes to weir's log; levels as Python's logging has them. */
enum { DEBUG = 10, INFO = 20, WARNING = 30, ERROR = 40, CRITICAL = 50 };
#ifndef LOG_LEVEL
#define LOG_LEVEL INFO
#endif
#define dp_log(level, format, ...)                       \
    ({                                                   \
        if ((level) >= LOG_LEVEL)                        \
            weir_send_log(level, format, ##__VA_ARGS__); \
    })

/* pkt_to_controller(ctx, md): the extractor's on_packet() is the controller. 0, or -1: no room. */
#define pkt_to_controller(ctx, ...) (weir_punt_context(ctx, WEIR_COPY_BYTES) ? 0 : -1)

/* REDIRECT(eth1), and REDIRECT alone as the verdict. */
#include "../redirect.h"
#undef REDIRECT
enum { REDIRECT = XDP_REDIRECT };
#define REDIRECT(interface) weir_redirect_or(PASS, #interface)

static __always_inline struct pkt_metadata weir_bcc_metadata(WEIR_CONTEXT *ctx)
{
    u64 length = WEIR_BCC_LENGTH(ctx);
    /* VERIFIER: subtracted here, not where it is used: pointers may not be kept in 32 bits until then. */
    asm volatile("" : "+r"(length));
    return (struct pkt_metadata){
        .ifindex = WEIR_BCC_INTERFACE(ctx),
        .length = length,
        .ingress = INGRESS,
        .xdp = XDP,
    };
}

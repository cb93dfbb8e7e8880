/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What differs between the hooks. A probe is compiled for xdp, or with -DWEIR_HOOK_TC=1 for tc, ingress and
 * egress; -DWEIR_HOOK_EGRESS=1 beside it tells the preprocessor which. Like entry.h it stands behind foreign
 * code: it includes abi.h alone, and has numbers of the kernel's ABI instead of its names. */
#include "abi.h"

/* What a tc chain says at its end: nothing, so that a program of somebody else's behind it is asked next. */
#define WEIR_TC_NEXT -1 /* TCX_NEXT, TC_ACT_UNSPEC */
/* Not the kernel's, the wrapper's: out of the interface again, as XDP_TX; no packet, as XDP_ABORTED. */
#define WEIR_TC_TX 0x101
#define WEIR_TC_ABORTED 0x102

#ifdef WEIR_HOOK_TC
#define WEIR_CONTEXT struct __sk_buff
/* The loader makes it a program for either direction. SEC("tc") is no name for it: no function of an author's
 * could be called tc then. */
#define WEIR_ENTRY_SECTION "tc/ingress"
#define WEIR_CHAIN_END WEIR_TC_NEXT
/* TC_ACT_OK says that the packet is good: good enough for the next probe. It is not said at the chain's end,
 * where it would hide the packet from others' programs. */
#define WEIR_GOES_ON(verdict) ((verdict) == 0 || (verdict) == WEIR_TC_NEXT)
#else
#define WEIR_CONTEXT struct xdp_md
/* The section carries frags: see docs/design.md; and no function of an author's can have its name, as one
 * called xdp has where a section is called that. */
#define WEIR_ENTRY_SECTION "xdp.frags"
#define WEIR_CHAIN_END 2 /* XDP_PASS */
#define WEIR_GOES_ON(verdict) ((verdict) == 2)
#endif

#ifdef WEIR_HOOK_TC

/* The headers, up to here, lie in one piece before every probe: Ethernet, two VLAN tags, four MPLS labels,
 * IPv6, an extension header of 24 bytes, TCP without options and four bytes of its payload are 126. */
#define WEIR_PULL_BYTES 128

static const volatile _Bool weir_is_egress __attribute__((section(".rodata.weir"), unused)) = 0;

static int (*const weir_redirect_to)(weir_u32 interface, weir_u64 flags) = (void *)23;
static int (*const weir_pull_data)(WEIR_CONTEXT *ctx, weir_u32 bytes) = (void *)39;

/* A field of the context, by its offset in the kernel's ABI. Not by its name: where the author's vmlinux.h
 * makes names relocations, one access of ours and one of the author's may become a pointer into the context,
 * which the verifier refuses. */
#define WEIR_SKB_FIELD(ctx, offset)                                                    \
    ({                                                                                 \
        weir_u64 weir_field;                                                           \
        asm volatile("%0 = *(u32 *)(%1 + " #offset ")" : "=r"(weir_field) : "r"(ctx)); \
        weir_field;                                                                    \
    })
#define WEIR_SKB_LENGTH(ctx) WEIR_SKB_FIELD(ctx, 0)
#define WEIR_SKB_INTERFACE(ctx) WEIR_SKB_FIELD(ctx, 40)
#define WEIR_SKB_DATA(ctx) WEIR_SKB_FIELD(ctx, 76)
#define WEIR_SKB_DATA_END(ctx) WEIR_SKB_FIELD(ctx, 80)

/* Packets of the kernel's own, and of drivers that receive into pages, have their bytes in several places;
 * a program sees the first. Mostly they are fine: one comparison where that holds the headers, two where it
 * holds the packet. What the kernel has no memory for is seen as it is. Pointers into the packet are void
 * behind this. */
static inline __attribute__((always_inline)) void weir_pull_headers(WEIR_CONTEXT *ctx)
{
    weir_u64 here = WEIR_SKB_DATA_END(ctx) - WEIR_SKB_DATA(ctx);
    if (here >= WEIR_PULL_BYTES)
        return;
    weir_u32 length = WEIR_SKB_LENGTH(ctx);
    if (here < length)
        weir_pull_data(ctx, length < WEIR_PULL_BYTES ? length : WEIR_PULL_BYTES);
}

/* The verdicts that are no kernel's. What leaves already leaves by this interface: it is let go, past the
 * probes behind; once more out of the same interface it would meet this probe again. */
static inline __attribute__((always_inline)) int weir_final_verdict(WEIR_CONTEXT *ctx, int verdict)
{
    if (verdict == WEIR_TC_TX)
        return weir_is_egress ? WEIR_TC_NEXT : weir_redirect_to(WEIR_SKB_INTERFACE(ctx), 0);
    return verdict == WEIR_TC_ABORTED ? 2 /* TC_ACT_SHOT */ : verdict;
}

#else

static inline __attribute__((always_inline)) void weir_pull_headers(WEIR_CONTEXT *ctx)
{
    (void)ctx;
}

static inline __attribute__((always_inline)) int weir_final_verdict(WEIR_CONTEXT *ctx, int verdict)
{
    (void)ctx;
    return verdict;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Single packets for user space: an extractor's on_packet() gets the first bytes of what the probe picks.
 *
 *     #include <weir/probe.h>
 *     #include <weir/punt.h>
 *     WEIR_PROBE(dns) {
 *         weir_parse_ipv4(p);
 *         struct udphdr *udp = weir_parse_udp(p);
 *         if (udp && udp->dest == bpf_htons(53))
 *             weir_punt(p, 128);
 *         return WEIR_PASS;
 *     }
 *
 * The packet itself goes on. A copy costs some 100 ns here and more in user space: pick. What finds no room
 * is counted (`copies.lost` in the window's health), and so is what was longer than its copy (`copies.cut`).
 * Linux 5.8 and later. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "clock.h"
#include "counts.h"

/* Each clone has a ring of its own, so that a window's copies are known from the next one's. The size is a
 * power of two and of pages; 1 MB holds some 3,600 copies. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} weir_copies SEC(".maps");

/* The packet's first `length` bytes, WEIR_COPY_BYTES at most. `x`: the packet `p`, or a program's context.
 * False where the ring was full. On xdp, of a packet in several buffers (jumbo frames) only the first one is
 * seen; on tc a VLAN tag that the NIC took off is not in it. */
#define weir_punt(x, length) \
    weir_punt_context(       \
        _Generic((x), struct weir_packet *: ((struct weir_packet *)(void *)(x))->ctx, default: (x)), length)

#ifdef WEIR_HOOK_TC
/* Returns how long the packet is. */
static __always_inline __u32 weir_copy_bytes(struct __sk_buff *ctx, struct weir_packet_copy *copy,
                                             __u32 length)
{
    __u32 bytes = ctx->len < length ? ctx->len : length;
    /* VERIFIER: a range from 1 on, of which the compiler may not think that it knows it. */
    asm volatile("" : "+r"(bytes));
    if (bytes > 0 && bytes <= WEIR_COPY_BYTES && !bpf_skb_load_bytes(ctx, 0, copy->data, bytes))
        copy->copied = bytes;
    return ctx->len;
}
#define WEIR_PUNT_CONTEXT struct __sk_buff
#else
static __always_inline __u32 weir_copy_bytes(struct xdp_md *ctx, struct weir_packet_copy *copy, __u32 length)
{
    /* VERIFIER: loaded here; what the caller has of them may be spilled as 32 bits, which a pointer may not.
     */
    const volatile struct xdp_md *packet = ctx;
    const void *data = (void *)(long)packet->data, *end = (void *)(long)packet->data_end;
    /* VERIFIER: constant offsets, so that each step is one comparison (Linux 5.15 has no
     * bpf_xdp_load_bytes()). */
#pragma unroll
    for (int i = 0; i < WEIR_COPY_BYTES; i += 8) {
        if (i + 8 > length || data + i + 8 > end)
            break;
        *(__u64 *)(copy->data + i) = *(const __u64 *)(data + i);
        copy->copied = i + 8;
    }
    for (int i = 0; i < 7; i++) {
        __u32 at = copy->copied;
        if (at >= WEIR_COPY_BYTES || at >= length || data + at + 1 > end)
            break;
        copy->data[at] = *(const __u8 *)(data + at);
        copy->copied = at + 1;
    }
    return end - data;
}
#define WEIR_PUNT_CONTEXT struct xdp_md
#endif

static __always_inline bool weir_punt_context(WEIR_PUNT_CONTEXT *ctx, __u32 length)
{
    struct weir_packet_copy *copy = bpf_ringbuf_reserve(&weir_copies, sizeof(*copy), 0);
    if (!copy) {
        weir_count(copies_lost);
        return false;
    }
    copy->time = weir_now();
    copy->copied = 0;
    copy->length = weir_copy_bytes(ctx, copy, length < WEIR_COPY_BYTES ? length : WEIR_COPY_BYTES);
    if (copy->copied < copy->length)
        weir_count(copies_cut);
    bpf_ringbuf_submit(copy, 0);
    return true;
}

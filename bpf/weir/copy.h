/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Single packets for user space: an extractor's on_packet() gets a copy of what the probe picks.
 *
 *     #include <weir/probe.h>
 *     #include <weir/copy.h>
 *     WEIR_PROBE(dns) {
 *         weir_parse_ipv4(p);
 *         struct udphdr *udp = weir_parse_udp(p);
 *         if (udp && udp->dest == bpf_htons(53))
 *             weir_copy_packet(p);
 *         return WEIR_PASS;
 *     }
 *
 * A copy costs some 100 ns here and more in user space: pick. What finds no room is counted (`copies.lost` in
 * the window's health), and so is what was longer than WEIR_COPY_BYTES (`copies.cut`). Linux 5.8 and later.
 */
#include "probe.h"

/* Each clone has a ring of its own, so that a window's copies are known from the next one's. The size is a
 * power of two and of pages; 1 MB holds some 3,600 copies. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} weir_copies SEC(".maps");

/* Copies the packet from its first byte on, up to WEIR_COPY_BYTES. False where the ring was full. Of a packet
 * in several buffers (jumbo frames) only the first one is seen. */
static __always_inline bool weir_copy_packet(struct weir_packet *p)
{
    const void *data = (void *)(long)p->ctx->data, *end = (void *)(long)p->ctx->data_end;
    struct weir_packet_copy *copy = bpf_ringbuf_reserve(&weir_copies, sizeof(*copy), 0);
    if (!copy) {
        p->copies_lost++;
        return false;
    }
    copy->time = weir_now();
    copy->length = end - data;
    copy->copied = 0;
    /* VERIFIER: constant offsets, so that each step is one comparison (Linux 5.15 has no
     * bpf_xdp_load_bytes()). */
#pragma unroll
    for (int i = 0; i < WEIR_COPY_BYTES; i += 8) {
        if (data + i + 8 > end)
            break;
        *(__u64 *)(copy->data + i) = *(const __u64 *)(data + i);
        copy->copied = i + 8;
    }
    for (int i = 0; i < 7; i++) {
        __u32 at = copy->copied;
        if (at >= WEIR_COPY_BYTES || data + at + 1 > end)
            break;
        copy->data[at] = *(const __u8 *)(data + at);
        copy->copied = at + 1;
    }
    if (copy->copied < copy->length)
        p->copies_cut++;
    bpf_ringbuf_submit(copy, 0);
    return true;
}

#undef WEIR_COUNT_COPIES
#define WEIR_COUNT_COPIES(counts, p) \
    ((counts)->copies_lost += (p)->copies_lost, (counts)->copies_cut += (p)->copies_cut)

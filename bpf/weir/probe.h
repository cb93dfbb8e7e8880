/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* A probe in weir's own dialect. Include it first; it brings the kernel's types, the BPF helpers and the
 * parsers (parse.h).
 *
 *     #include <weir/probe.h>
 *     struct source { __u64 packets, bytes; };
 *     WEIR_WINDOW_MAP(sources, __be32, struct source, 65536);
 *     WEIR_PROBE(source_rate) {
 *         struct iphdr *ip = weir_parse_ipv4(p);
 *         struct source *s = ip ? weir_window_get(&sources, &ip->saddr) : NULL;
 *         if (s) { s->packets += 1; s->bytes += bpf_ntohs(ip->tot_len); }
 *         return WEIR_PASS;
 *     }
 *
 * One probe a source. Linux 5.15 and later. */
#include <stddef.h>
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "clock.h"
#include "entry.h"
#include "parse.h"

/* The kernel's helpers are partly GPL only. Another licence: #define WEIR_LICENSE before the include. */
#ifndef WEIR_LICENSE
#define WEIR_LICENSE "GPL"
#endif
char weir_license[] SEC("license") = WEIR_LICENSE;

/* What becomes of the packet, on every hook. Only WEIR_PASS lets the next probe of the chain see it. On tc,
 * WEIR_TX sends what arrived out of its interface again, and lets go what leaves; WEIR_ABORTED drops. */
#define WEIR_PASS XDP_PASS
#define WEIR_DROP XDP_DROP
#define WEIR_TX XDP_TX
#define WEIR_REDIRECT XDP_REDIRECT
#define WEIR_ABORTED XDP_ABORTED

/* In the hook's own numbers; what is none of ours is there already, as what bpf_redirect() returned. */
static __always_inline int weir_hook_verdict(int verdict)
{
#ifdef WEIR_HOOK_TC
    verdict = verdict == WEIR_PASS       ? WEIR_TC_NEXT
              : verdict == WEIR_DROP     ? 2 /* TC_ACT_SHOT */
              : verdict == WEIR_TX       ? WEIR_TC_TX
              : verdict == WEIR_REDIRECT ? 7 /* TC_ACT_REDIRECT */
              : verdict == WEIR_ABORTED  ? WEIR_TC_ABORTED
                                         : verdict;
#endif
    return verdict;
}

/* flow.h counts here what became of a packet. */
#define WEIR_COUNT_OUTCOME(counts, p) ((void)(counts))

/* The probe: WEIR_PROBE(name) { ... return WEIR_PASS; } with the packet as `p`. */
#define WEIR_PROBE(name)                                                                        \
    static __always_inline int name(struct weir_packet *p);                                     \
    static __always_inline int weir_probe_##name(WEIR_CONTEXT *ctx, struct weir_counts *counts) \
    {                                                                                           \
        struct weir_packet packet = weir_packet(ctx);                                           \
        int verdict = name(&packet);                                                            \
        WEIR_COUNT_OUTCOME(counts, &packet);                                                    \
        return weir_hook_verdict(verdict);                                                      \
    }                                                                                           \
    WEIR_WRAP_CALL(name, weir_probe_##name(weir_ctx, weir_counts))                              \
    static __always_inline int name(struct weir_packet *p)

/* Attributes of maps, behind the definition: WEIR_MAP(blocked, HASH, __be32, __u64, 1024) WEIR_PERSIST;
 * Without one the kind decides (docs/design.md). */
#define WEIR_WINDOW __attribute__((btf_decl_tag(WEIR_TAG_WINDOW)))   /* one per clone, cleared each window */
#define WEIR_PERSIST __attribute__((btf_decl_tag(WEIR_TAG_PERSIST))) /* one for both, keeps its content */
#define WEIR_EXPORT __attribute__((btf_decl_tag(WEIR_TAG_EXPORT)))   /* only maps that say so are reported */
#define WEIR_HIDE __attribute__((btf_decl_tag(WEIR_TAG_HIDE)))       /* never reported */

/* On a member of a value: a feature for extractors, with its unit and, where the number alone does not say
 * it, its encoding. __u64 bytes WEIR_FEATURE("bytes"); __u16 flags WEIR_FEATURE("bits", "FIN 1, SYN 2, ...");
 */
#define WEIR_FEATURE(unit, ...) \
    __attribute__((btf_decl_tag(WEIR_TAG_FEATURE unit __VA_OPT__("; " __VA_ARGS__))))

/* A map with a key and a value; `kind` is the end of a BPF_MAP_TYPE_ name. A key is hashed as bytes: give
 * its struct explicit padding and set it to zero. Every other map: libbpf's notation, SEC(".maps"). */
#define WEIR_MAP(name, kind, key_type, value_type, entries) \
    struct {                                                \
        __uint(type, BPF_MAP_TYPE_##kind);                  \
        __uint(max_entries, entries);                       \
        __type(key, key_type);                              \
        __type(value, value_type);                          \
    } name SEC(".maps")

/* Counts of one window by key. Per CPU, so that a probe adds without atomics; the report shows the sum. */
#define WEIR_WINDOW_MAP(name, key_type, value_type, entries) \
    WEIR_MAP(name, PERCPU_HASH, key_type, value_type, entries) WEIR_WINDOW

/* The value of a key, zeroed when the key is new; NULL when the map is full: count that packet elsewhere. */
#define weir_window_get(map, pointer)                                                          \
    ({                                                                                         \
        static const volatile __typeof__(*(map)->value) weir_zero                              \
            __attribute__((section(".rodata.weir"))); /* may be larger than the stack */       \
        const __typeof__(*(map)->key) *weir_key = (pointer);                                   \
        (__typeof__((map)->value))weir_get_or_insert(map, weir_key, (const void *)&weir_zero); \
    })

static __always_inline void *weir_get_or_insert(void *map, const void *key, const void *zero)
{
    void *value = bpf_map_lookup_elem(map, key);
    if (value)
        return value;
    bpf_map_update_elem(map, key, zero, BPF_NOEXIST); /* another CPU may have been first: look again */
    return bpf_map_lookup_elem(map, key);
}

/* For values that CPUs share (HASH, ARRAY). Per-CPU values take += and |=. */
#define weir_add(pointer, amount) ((void)__sync_fetch_and_add(pointer, amount))
#define weir_set_bits(pointer, bits) ((void)__sync_fetch_and_or(pointer, bits))

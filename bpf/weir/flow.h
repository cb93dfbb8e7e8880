/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The flow tensor: a table of flows that lies in memory as a model's input does. A row is a flow: its key,
 * its counters, and the features of its first packets side by side. User space reads it without a system
 * call.
 *
 *     #include <weir/probe.h>
 *     #include <weir/flow.h>
 *     struct seen { __u64 time WEIR_FEATURE("ns"); __u16 length WEIR_FEATURE("bytes"); };
 *     WEIR_FLOW_TENSOR(flows, struct weir_flow_key, struct seen, 65536, 10);
 *     WEIR_PROBE(lengths) {
 *         struct iphdr *ip = weir_parse_ipv4(p);
 *         if (!ip)
 *             return WEIR_PASS;                                  // counted as ignored
 *         struct weir_flow_id id = weir_flow_id_ipv4(ip->saddr, ip->daddr, 0, 0, ip->protocol);
 *         struct flows_flow *flow = weir_flow(flows, p, id);
 *         if (!flow)
 *             return WEIR_PASS;                                  // the table is full: untracked
 *         weir_flow_add_bytes(flow, id, bpf_ntohs(ip->tot_len));
 *         struct seen *packet = weir_flow_packet(flows, p, flow);
 *         if (packet) {                                          // else beyond the first ten
 *             packet->time = weir_now();
 *             packet->length = bpf_ntohs(ip->tot_len);
 *         }
 *         return WEIR_PASS;
 *     }
 *
 * Every packet has one outcome: recorded, beyond, untracked or ignored; their sum is what entered. The
 * wrapper counts the outcome when the probe returns: a probe that leaves by a tail call has none.
 * Linux 5.15 and later (64-bit compare-and-swap: 5.12). */
#include "probe.h"

/* ---- who a flow is ---- */

/* An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
struct weir_address {
    __u8 bytes[16] __attribute__((aligned(8)));
};

/* The two ends, in the direction of the first packet that was seen: source is who began. */
struct weir_flow_key {
    struct weir_address source, destination;
    __be16 source_port, destination_port; /* 0 where the protocol has none */
    __u8 protocol;                        /* IPPROTO_...; IPPROTO_FRAGMENT: fragments after the first */
};

/* Which end serves, as far as a packet said so: by SYN or echo request, else by a well-known port. */
enum weir_server { WEIR_SERVER_UNKNOWN, WEIR_SERVER_SOURCE, WEIR_SERVER_DESTINATION };

/* Random for each start, fixed in a replay: whoever knows the hash could fill one row's places. */
static const volatile __u64 weir_flow_seed __attribute__((section(".rodata.weir"))) = 0x9e3779b97f4a7c15ull;

/* A packet's flow: a hash that both directions share in bits 2 to 63, which alone is the flow's identity,
 * and the packet's direction in bit 0 (1: from the higher end to the lower). The tag is never 0. */
struct weir_flow_id {
    __u64 tag;
};

/* Two multiplications mix each word into all bits above it, the shift brings them back down.
 * Constants: the finaliser of MurmurHash3 (A. Appleby, public domain) and the golden ratio. */
static __always_inline __u64 weir_flow_mix(__u64 hash, __u64 word)
{
    hash = (hash ^ word) * 0xff51afd7ed558ccdull;
    return hash ^ hash >> 32;
}

static __always_inline struct weir_flow_id weir_flow_tag(__u64 hash, bool is_backward)
{
    hash *= 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
    return (struct weir_flow_id){.tag = ((hash | 2) & ~1ull) | is_backward};
}

/* Both ends' ports in the order of the ends, and the protocol. */
static __always_inline __u64 weir_flow_ports(__be16 source_port, __be16 destination_port, __u8 protocol,
                                             bool is_backward)
{
    __u64 ports = is_backward ? (__u32)destination_port << 16 | source_port
                              : (__u32)source_port << 16 | destination_port;
    return ports | (__u64)protocol << 32;
}

static __always_inline struct weir_flow_id weir_flow_id_ipv4(__be32 source, __be32 destination,
                                                             __be16 source_port, __be16 destination_port,
                                                             __u8 protocol)
{
    bool is_backward = source == destination ? source_port > destination_port : source > destination;
    __u64 ends = is_backward ? (__u64)destination << 32 | source : (__u64)source << 32 | destination;
    __u64 hash = weir_flow_mix(weir_flow_seed, ends);
    hash = weir_flow_mix(hash, weir_flow_ports(source_port, destination_port, protocol, is_backward));
    return weir_flow_tag(hash, is_backward);
}

static __always_inline struct weir_flow_id weir_flow_id_ipv6(const struct in6_addr *source,
                                                             const struct in6_addr *destination,
                                                             __be16 source_port, __be16 destination_port,
                                                             __u8 protocol)
{
    /* Halves of two 32-bit words: headers behind Ethernet are aligned to two bytes only. */
    const __u32 *s = source->in6_u.u6_addr32, *d = destination->in6_u.u6_addr32;
    __u64 s_high = (__u64)s[0] << 32 | s[1], s_low = (__u64)s[2] << 32 | s[3];
    __u64 d_high = (__u64)d[0] << 32 | d[1], d_low = (__u64)d[2] << 32 | d[3];
    bool is_backward = s_high != d_high ? s_high > d_high
                       : s_low != d_low ? s_low > d_low
                                        : source_port > destination_port;
    __u64 hash = ~weir_flow_seed; /* ::ffff:a.b.c.d on the wire is not a.b.c.d */
    hash = weir_flow_mix(hash, is_backward ? d_high : s_high);
    hash = weir_flow_mix(hash, is_backward ? d_low : s_low);
    hash = weir_flow_mix(hash, is_backward ? s_high : d_high);
    hash = weir_flow_mix(hash, is_backward ? s_low : d_low);
    hash = weir_flow_mix(hash, weir_flow_ports(source_port, destination_port, protocol, is_backward));
    return weir_flow_tag(hash, is_backward);
}

static __always_inline void weir_address_from_ipv4(struct weir_address *address, __be32 ipv4)
{
    __u32 *words = (__u32 *)address->bytes;
    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = ipv4;
}

static __always_inline void weir_address_from_ipv6(struct weir_address *address, const struct in6_addr *ipv6)
{
    __u32 *words = (__u32 *)address->bytes;
    words[0] = ipv6->in6_u.u6_addr32[0];
    words[1] = ipv6->in6_u.u6_addr32[1];
    words[2] = ipv6->in6_u.u6_addr32[2];
    words[3] = ipv6->in6_u.u6_addr32[3];
}

/* ---- the table ---- */

/* Sizes that the loader sets (--set PROBE.max_flows=..., PROBE.packets_per_flow=...). */
struct weir_flow_limits {
    __u32 max_flows;
    __u32 slot_mask;
    __u32 packets_per_flow;
};

/* The next power of two from twice the flows on. */
#define WEIR_FLOW_SLOTS(max_flows) (1u << (32 - __builtin_clz(2 * (max_flows) - 1)))

/* A flow may lie in 32 places, a step of its own apart (double hashing with an odd step; Knuth, The Art of
 * Computer Programming 3, section 6.4). */
#define WEIR_FLOW_PLACES 32
#define WEIR_FLOW_FIRST(tag) ((__u32)((tag) >> 32))
#define WEIR_FLOW_STEP(tag) ((__u32)((tag) >> 8) | 1)

/* What finding gives: an index, and whether the slot was claimed just now. */
#define WEIR_FLOW_IS_NEW (1ull << 32)
#define WEIR_FLOW_NOWHERE (1ull << 33)

/* Whether the slot is the flow's: it was, or it was free and is claimed. It belongs to whose compare-and-swap
 * of the tag won; who lost compares with the tag that won. */
static __always_inline bool weir_flow_is_here(__u64 *slot, __u64 tag, bool *is_new)
{
    __u64 seen = *(volatile __u64 *)slot;
    if (!seen) {
        seen = __sync_val_compare_and_swap(slot, 0, tag);
        *is_new = !seen;
        if (!seen)
            return true;
    }
    return !((seen ^ tag) >> 1);
}

/* Looks into every place but the first. */
static __always_inline __u64 weir_flow_find(void *table, __u32 slot_mask, __u64 tag)
{
    __u32 index = WEIR_FLOW_FIRST(tag) & slot_mask;
    for (int i = 1; i < WEIR_FLOW_PLACES; i++) {
        bool is_new = false;
        index = (index + WEIR_FLOW_STEP(tag)) & slot_mask;
        __u64 *slot = bpf_map_lookup_elem(table, &index);
        if (slot && weir_flow_is_here(slot, tag, &is_new))
            return is_new ? index | WEIR_FLOW_IS_NEW : index;
    }
    return WEIR_FLOW_NOWHERE;
}

/* A table of max_flows flows with a key of `key_type` and, for the first packets_per_flow packets of each, a
 * `packet_type`, whose members are features. Half of the slots stay free, so that 32 places are nearly always
 * enough. A row is a `struct NAME_flow`.
 *
 * NAME_find() is a global function, which the verifier looks at once, by itself: inlined, its loop would be
 * walked for each way that a packet may come. */
#define WEIR_FLOW_TENSOR(name, key_type, packet_type, max_flows_, packets_per_flow_)              \
    struct name##_flow {                                                                          \
        __u64 tag;               /* claimed by the first packet; 0: free */                       \
        __u32 packets;           /* of both directions */                                         \
        enum weir_server server; /* which end serves */                                           \
        __u64 forward_bytes;     /* from source to destination */                                 \
        __u64 backward_bytes;                                                                     \
        key_type key;                                                                             \
        packet_type packet[packets_per_flow_];                                                    \
    };                                                                                            \
    struct {                                                                                      \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                         \
        __uint(max_entries, WEIR_FLOW_SLOTS(max_flows_));                                         \
        __uint(map_flags, BPF_F_MMAPABLE);                                                        \
        __type(key, __u32);                                                                       \
        __type(value, struct name##_flow);                                                        \
    } name SEC(".maps") __attribute__((btf_decl_tag(WEIR_TAG_FLOW_TENSOR)));                      \
    const volatile struct weir_flow_limits weir_limits_##name                                     \
        __attribute__((section(".rodata.weir"))) = {.max_flows = (max_flows_),                    \
                                                    .slot_mask = WEIR_FLOW_SLOTS(max_flows_) - 1, \
                                                    .packets_per_flow = packets_per_flow_};       \
    __attribute__((noinline)) __u64 name##_find(__u64 tag)                                        \
    {                                                                                             \
        return weir_flow_find(&name, weir_limits_##name.slot_mask, tag);                          \
    }                                                                                             \
    static __always_inline struct name##_flow *name##_lookup(__u64 tag, bool *is_new)             \
    {                                                                                             \
        __u32 index = WEIR_FLOW_FIRST(tag) & weir_limits_##name.slot_mask;                        \
        struct name##_flow *flow = bpf_map_lookup_elem(&name, &index);                            \
        if (flow && weir_flow_is_here(&flow->tag, tag, is_new))                                   \
            return flow;                                                                          \
        __u64 found = name##_find(tag);                                                           \
        if (found == WEIR_FLOW_NOWHERE)                                                           \
            return NULL;                                                                          \
        *is_new = found & WEIR_FLOW_IS_NEW;                                                       \
        index = (__u32)found & weir_limits_##name.slot_mask;                                      \
        return bpf_map_lookup_elem(&name, &index);                                                \
    }                                                                                             \
    _Static_assert(1, "takes the semicolon")

/* The flow of this packet; NULL where the table is full: the packet is untracked. p->is_new_flow says whether
 * this packet claimed it: then write its key; all else is zero. */
#define weir_flow(name, p, id)                      \
    ({                                              \
        (p)->outcome = WEIR_UNTRACKED;              \
        name##_lookup((id).tag, &(p)->is_new_flow); \
    })

/* Counts the packet in its flow; its place among the first packets_per_flow, or NULL: it is beyond them. Only
 * a packet that has a place needs to look further, at a clock for example. */
#define weir_flow_packet(name, p, flow)                                                                 \
    ({                                                                                                  \
        __u32 weir_number = __sync_fetch_and_add(&(flow)->packets, 1);                                  \
        bool weir_has_place = weir_number < weir_limits_##name.packets_per_flow;                        \
        (p)->outcome = weir_has_place ? WEIR_RECORDED : WEIR_BEYOND;                                    \
        weir_has_place                                                                                  \
            ? (__typeof__(&(flow)->packet[0]))((void *)(flow) + offsetof(struct name##_flow, packet)) + \
                  weir_number                                                                           \
            : NULL;                                                                                     \
    })

/* A packet goes backward when its direction differs from that of the packet that claimed the flow. */
static __always_inline bool weir_flow_is_backward(__u64 tag, struct weir_flow_id id)
{
    return (tag ^ id.tag) & 1;
}

#define weir_flow_add_bytes(flow, id, bytes) \
    ((void)__sync_fetch_and_add(             \
        weir_flow_is_backward((flow)->tag, id) ? &(flow)->backward_bytes : &(flow)->forward_bytes, bytes))

/* ---- accounting ---- */

#undef WEIR_COUNT_OUTCOME
#define WEIR_COUNT_OUTCOME(counts, p) ((counts)->outcome[(p)->outcome % WEIR_OUTCOMES] += 1)

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
 *         struct weir_flow_head *flow = weir_flow(flows, p, id);
 *         if (!flow)
 *             return WEIR_PASS;                                  // the table is full: untracked
 *         struct weir_flow_key *key = weir_flow_new_key(flows, p);
 *         if (key)                                               // the first packet of its flow
 *             weir_address_from_ipv4(&key->source, ip->saddr);   // and so on
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
#include "flow_heads.h"
#include "flow_key.h"

/* ---- the table ---- */

/* A table of max_flows flows with a key of `key_type` and, for the first packets_per_flow packets of each, a
 * `packet_type`, whose members are features. Half of the slots stay free, so that 32 places are nearly always
 * enough. A row is a `struct NAME_flow`; packets and bytes come into it when the window is over, from
 * the flow's head.
 *
 * NAME_find() and NAME_take_row() are global functions, which the verifier looks at once, by themselves:
 * inlined, they would be walked for each way that a packet may come. */
#define WEIR_FLOW_TENSOR(name, key_type, packet_type, max_flows_, packets_per_flow_)              \
    struct name##_flow {                                                                          \
        __u32 packets;                                                                            \
        enum weir_server server; /* which end serves */                                           \
        __u64 forward_bytes;                                                                      \
        __u64 backward_bytes;                                                                     \
        key_type key;                                                                             \
        packet_type packet[packets_per_flow_];                                                    \
    };                                                                                            \
    struct {                                                                                      \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                         \
        __uint(max_entries, max_flows_);                                                          \
        __uint(map_flags, BPF_F_MMAPABLE);                                                        \
        __type(key, __u32);                                                                       \
        __type(value, struct name##_flow);                                                        \
    } name SEC(".maps") __attribute__((btf_decl_tag(WEIR_TAG_FLOW_TENSOR)));                      \
    struct {                                                                                      \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                         \
        __uint(max_entries, WEIR_FLOW_SLOTS(max_flows_) + 1);                                     \
        __uint(map_flags, BPF_F_MMAPABLE);                                                        \
        __type(key, __u32);                                                                       \
        __type(value, struct weir_flow_head);                                                     \
    } weir_heads_##name SEC(".maps");                                                             \
    const volatile struct weir_flow_limits weir_limits_##name                                     \
        __attribute__((section(".rodata.weir"))) = {.max_flows = (max_flows_),                    \
                                                    .slot_mask = WEIR_FLOW_SLOTS(max_flows_) - 1, \
                                                    .packets_per_flow = packets_per_flow_};       \
    __attribute__((noinline)) __u64 name##_find(__u64 tag)                                        \
    {                                                                                             \
        return weir_flow_find(&weir_heads_##name, &weir_limits_##name, tag);                      \
    }                                                                                             \
    __attribute__((noinline)) __u32 name##_take_row(__u32 slot)                                   \
    {                                                                                             \
        return weir_flow_take_row(&weir_heads_##name, &weir_limits_##name, slot);                 \
    }                                                                                             \
    static __always_inline struct weir_flow_head *name##_lookup(struct weir_packet *p, __u64 tag) \
    {                                                                                             \
        __u32 slot = WEIR_FLOW_FIRST(tag) & weir_limits_##name.slot_mask;                         \
        enum weir_flow_place place = WEIR_PLACE_OTHER;                                            \
        struct weir_flow_head *head = bpf_map_lookup_elem(&weir_heads_##name, &slot);             \
        if (head)                                                                                 \
            place = weir_flow_look(&weir_heads_##name, &weir_limits_##name, head, tag);           \
        if (place == WEIR_PLACE_OTHER) {                                                          \
            slot ^= 1;                                                                            \
            head = bpf_map_lookup_elem(&weir_heads_##name, &slot);                                \
            if (head)                                                                             \
                place = weir_flow_look(&weir_heads_##name, &weir_limits_##name, head, tag);       \
        }                                                                                         \
        if (place == WEIR_PLACE_OTHER) {                                                          \
            __u64 found = name##_find(tag);                                                       \
            place = found >> WEIR_PLACE_SHIFT;                                                    \
            slot = (__u32)found;                                                                  \
            head = bpf_map_lookup_elem(&weir_heads_##name, &slot);                                \
        }                                                                                         \
        if (!head || place == WEIR_PLACE_OTHER || place == WEIR_PLACE_NO_ROWS)                    \
            return NULL;                                                                          \
        __u32 row = *(volatile __u32 *)&head->row;                                                \
        if (!row) /* also where another CPU has claimed the flow just now */                      \
            row = name##_take_row(slot);                                                          \
        if (!row)                                                                                 \
            return NULL;                                                                          \
        p->is_new_flow = place == WEIR_PLACE_CLAIMED;                                             \
        p->flow_row = row - 1;                                                                    \
        return head;                                                                              \
    }                                                                                             \
    static __always_inline struct name##_flow *name##_row(const struct weir_packet *p)            \
    {                                                                                             \
        __u32 row = p->flow_row;                                                                  \
        return bpf_map_lookup_elem(&name, &row);                                                  \
    }                                                                                             \
    _Static_assert(1, "takes the semicolon")

/* The flow of this packet, a struct weir_flow_head; NULL where the table is full: the packet is untracked. */
#define weir_flow(name, p, id)         \
    ({                                 \
        (p)->outcome = WEIR_UNTRACKED; \
        name##_lookup((p), (id).tag);  \
    })

/* Behind weir_flow(): where this packet has to write its flow's key, because it claimed the flow; else NULL.
 */
#define weir_flow_new_key(name, p)                                              \
    ({                                                                          \
        struct name##_flow *weir_row = (p)->is_new_flow ? name##_row(p) : NULL; \
        weir_row ? &weir_row->key : NULL;                                       \
    })

/* Behind weir_flow(): the flow's enum weir_server. NULL never is, but the verifier wants it looked at. */
#define weir_flow_server(name, p)                     \
    ({                                                \
        struct name##_flow *weir_row = name##_row(p); \
        weir_row ? (__u32 *)&weir_row->server : NULL; \
    })

/* Counts the packet in its flow; its place among the first packets_per_flow, or NULL: it is beyond them. Only
 * a packet that has a place needs to look further, at a clock for example. */
#define weir_flow_packet(name, p, flow)                                                                     \
    ({                                                                                                      \
        __u32 weir_number = __sync_fetch_and_add(&(flow)->packets, 1);                                      \
        bool weir_has_place = weir_number < weir_limits_##name.packets_per_flow;                            \
        struct name##_flow *weir_row = weir_has_place ? name##_row(p) : NULL;                               \
        (p)->outcome = weir_has_place ? WEIR_RECORDED : WEIR_BEYOND;                                        \
        weir_row                                                                                            \
            ? (__typeof__(&weir_row->packet[0]))((void *)weir_row + offsetof(struct name##_flow, packet)) + \
                  weir_number                                                                               \
            : NULL;                                                                                         \
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

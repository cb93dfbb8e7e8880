/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* How a flow tensor (flow.h) finds a flow: an open-addressing hash of heads, without locks. What all packets
 * of a flow touch lies in them; what its first packets alone touch, in a row whose number a head has.
 * Linux 5.15 and later (64-bit compare-and-swap: 5.12). */
#include <stdbool.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* Sizes that the loader sets (--set PROBE.max_flows=..., PROBE.packets_per_flow=...). */
struct weir_flow_limits {
    __u32 max_flows;
    __u32 slot_mask;
    __u32 packets_per_flow;
};

/* The next power of two from twice the flows on. */
#define WEIR_FLOW_SLOTS(max_flows) (1u << (32 - __builtin_clz(2 * (max_flows) - 1)))

/* A flow may lie in 32 places: 16 pairs of slots, a step of its own apart (double hashing with an odd step;
 * Knuth, The Art of Computer Programming 3, section 6.4). A pair's heads share a cache line. */
#define WEIR_FLOW_PAIRS 16
#define WEIR_FLOW_FIRST(tag) ((__u32)((tag) >> 32))
#define WEIR_FLOW_STEP(tag) (((__u32)((tag) >> 8) | 1) * 2)

/* What every packet of a flow touches, in an array of its own: 65,536 flows are 4 MB of heads. Their rows, 25
 * MB, stand one behind the other, in the order in which the flows began; only the first packets of a flow
 * touch them. */
struct weir_flow_head {
    __u64 tag;           /* claimed by the first packet; 0: free */
    __u32 packets;       /* of both directions */
    __u32 row;           /* of the flow, from 1 on; 0: none yet */
    __u64 forward_bytes; /* from source to destination */
    __u64 backward_bytes;
};

enum weir_flow_place {
    WEIR_PLACE_OTHER, /* another flow's */
    WEIR_PLACE_OURS,
    WEIR_PLACE_CLAIMED, /* ours from now on */
    WEIR_PLACE_NO_ROWS, /* free, but max_flows flows are there */
};
/* What NAME_find() gives: a slot and, above its 32 bits, one of them. */
#define WEIR_PLACE_SHIFT 32

/* The head behind the last slot counts in `row` the rows that were given out. */
static __always_inline struct weir_flow_head *weir_flow_rows(void *heads,
                                                             const volatile struct weir_flow_limits *limits)
{
    __u32 behind = limits->slot_mask + 1;
    return bpf_map_lookup_elem(heads, &behind);
}

static __always_inline bool weir_flow_has_rows(void *heads, const volatile struct weir_flow_limits *limits)
{
    struct weir_flow_head *rows = weir_flow_rows(heads, limits);
    return rows && *(volatile __u32 *)&rows->row < limits->max_flows;
}

/* Whose the slot is. A free one belongs to whose compare-and-swap of the tag wins; who loses compares with
 * the tag that won. */
static __always_inline enum weir_flow_place weir_flow_look(void *heads,
                                                           const volatile struct weir_flow_limits *limits,
                                                           struct weir_flow_head *head, __u64 tag)
{
    __u64 seen = *(volatile __u64 *)&head->tag;
    if (!seen) {
        if (!weir_flow_has_rows(heads, limits))
            return WEIR_PLACE_NO_ROWS;
        seen = __sync_val_compare_and_swap(&head->tag, 0, tag);
        if (!seen)
            return WEIR_PLACE_CLAIMED;
    }
    return (seen ^ tag) >> 1 ? WEIR_PLACE_OTHER : WEIR_PLACE_OURS;
}

/* Looks into every pair but the first. */
static __always_inline __u64 weir_flow_find(void *heads, const volatile struct weir_flow_limits *limits,
                                            __u64 tag)
{
    __u32 slot = WEIR_FLOW_FIRST(tag) & limits->slot_mask;
    for (int i = 2; i < 2 * WEIR_FLOW_PAIRS; i++) {
        slot = (i % 2 ? slot ^ 1 : slot + WEIR_FLOW_STEP(tag)) & limits->slot_mask;
        struct weir_flow_head *head = bpf_map_lookup_elem(heads, &slot);
        if (!head)
            break;
        __u64 place = weir_flow_look(heads, limits, head, tag);
        if (place != WEIR_PLACE_OTHER)
            return place << WEIR_PLACE_SHIFT | slot;
    }
    return (__u64)WEIR_PLACE_OTHER << WEIR_PLACE_SHIFT;
}

/* Gives the flow a row; 0 where none is left. Of CPUs that do so at once one wins, and the others' rows stay
 * empty: put back, they could go to a flow whose claimer found none and wrote no key. */
static __always_inline __u32 weir_flow_take_row(void *heads, const volatile struct weir_flow_limits *limits,
                                                __u32 slot)
{
    struct weir_flow_head *head = bpf_map_lookup_elem(heads, &slot), *rows = weir_flow_rows(heads, limits);
    if (!head || !rows || !weir_flow_has_rows(heads, limits))
        return 0;
    __u32 row = __sync_fetch_and_add(&rows->row, 1) + 1;
    if (row > limits->max_flows)
        return 0;
    __u32 winner = __sync_val_compare_and_swap(&head->row, 0, row);
    return winner ? winner : row;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fields that the kernel manages: a timer, whose callback runs at any time (so that no snapshot of its map is
 * frozen), and spin locks in a HASH and in an ARRAY (which for that cannot be mapped). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CLOCK_MONOTONIC 1

struct clock {
    __u64 fired;
    struct bpf_timer timer;
};

struct counter {
    struct bpf_spin_lock lock;
    __u64 packets;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct clock);
} clocks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct counter);
} by_key SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct counter);
} by_index SEC(".maps");

static int on_timer(void *map, __u32 *key, struct clock *clock)
{
    clock->fired += 1;
    return 0;
}

static __always_inline void count(struct counter *counter)
{
    if (!counter)
        return;
    bpf_spin_lock(&counter->lock);
    counter->packets += 1;
    bpf_spin_unlock(&counter->lock);
}

SEC("xdp") int start(struct xdp_md *ctx)
{
    __u32 key = 0;
    struct clock *clock = bpf_map_lookup_elem(&clocks, &key);
    if (clock) {
        bpf_timer_init(&clock->timer, &clocks, CLOCK_MONOTONIC);
        bpf_timer_set_callback(&clock->timer, on_timer);
        bpf_timer_start(&clock->timer, 0, 0);
    }
    struct counter none = {};
    bpf_map_update_elem(&by_key, &key, &none, BPF_NOEXIST);
    count(bpf_map_lookup_elem(&by_key, &key));
    count(bpf_map_lookup_elem(&by_index, &key));
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";

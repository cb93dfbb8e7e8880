/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What time it is: the kernel's clock on live traffic, the capture's in a replay.
 *
 * Both variables are emitted only where a probe asks for the time. weir_is_replay is a constant of the
 * verifier, which removes the branch that is not taken; weir_clock is stored by user space before each
 * packet of a replay. */
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static const volatile bool weir_is_replay __attribute__((section(".rodata.weir"))) = false;
static volatile __u64 weir_clock __attribute__((section(".data.weir"))) = 0;

/* Nanoseconds of CLOCK_MONOTONIC; in a replay Unix time. Cost: 15 to 40 ns where the machine's clock is
 * virtual. */
static __always_inline __u64 weir_now(void)
{
    return weir_is_replay ? weir_clock : bpf_ktime_get_ns();
}

/* The same clock as of the last timer tick: 1 to 10 ms behind, by CONFIG_HZ. Cost: 4 ns. */
static __always_inline __u64 weir_now_coarse(void)
{
    return weir_is_replay ? weir_clock : bpf_ktime_get_coarse_ns();
}

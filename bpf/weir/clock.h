/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What time it is: the kernel's clock on live traffic, the capture's in a replay.
 *
 * Both variables are emitted only where a probe asks for the time. weir_is_replay is a constant of the
 * verifier, which removes the branch that is not taken; weir_clock is stored by user space before each
 * packet of a replay.
 *
 * It stands before foreign code too, where calls of bpf_ktime_get_ns() become weir_now(). So, like entry.h,
 * it includes nothing but abi.h and declares what it needs under weir_ names. */
#include "abi.h"

static weir_u64 (*const weir_ktime)(void) = (void *)5;          /* bpf_ktime_get_ns */
static weir_u64 (*const weir_ktime_coarse)(void) = (void *)160; /* bpf_ktime_get_coarse_ns */

static const volatile _Bool weir_is_replay __attribute__((section(".rodata.weir"), unused)) = 0;
static volatile weir_u64 weir_clock __attribute__((section(".data.weir"), unused)) = 0;

/* Nanoseconds of CLOCK_MONOTONIC; in a replay Unix time. Cost: 15 to 40 ns where the machine's clock is
 * virtual. */
static inline __attribute__((always_inline)) weir_u64 weir_now(void)
{
    return weir_is_replay ? weir_clock : weir_ktime();
}

/* The same clock as of the last timer tick: 1 to 10 ms behind, by CONFIG_HZ. Cost: 4 ns. */
static inline __attribute__((always_inline)) weir_u64 weir_now_coarse(void)
{
    return weir_is_replay ? weir_clock : weir_ktime_coarse();
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Functions, constants and macros that BCC's sources find without an include. */

/* What a source is compiled with when BCC's users inject it; --cflags comes first. A source that knows XDP's
 * verdicts alone says the same by them on tc, where their numbers would say something else. */
#ifdef WEIR_HOOK_TC
#ifndef CTXTYPE
#define CTXTYPE __sk_buff
#endif
#define XDP_ABORTED WEIR_TC_ABORTED
#define XDP_DROP TC_ACT_SHOT
#define XDP_PASS TC_ACT_OK
#define XDP_TX WEIR_TC_TX
#define XDP_REDIRECT TC_ACT_REDIRECT
#endif
#ifndef CTXTYPE
#define CTXTYPE xdp_md
#endif
#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME "weir"
#endif
#ifndef RX_OK
#define RX_OK XDP_PASS
#endif
#ifndef RX_DROP
#define RX_DROP XDP_DROP
#endif
#ifndef PASS
#define PASS XDP_PASS
#endif
#ifndef DROP
#define DROP XDP_DROP
#endif
#ifndef REDIRECT
#define REDIRECT XDP_REDIRECT
#endif
#ifndef BACK_TX
#define BACK_TX XDP_TX
#endif

/* Unix time at which CLOCK_MONOTONIC was 0. Set by the loader: a -D would be another source each start. */
#ifndef EPOCH_BASE
const volatile u64 weir_epoch_base SEC(".rodata.weir") = 0;
#define EPOCH_BASE weir_epoch_base
#endif

/* BCC takes the format's size from the literal. */
#define bpf_trace_printk(format, ...)                                                    \
    ({                                                                                   \
        static const volatile char weir_format[] WEIR_BCC_CONSTANT = format;             \
        bpf_trace_printk((const char *)weir_format, sizeof(weir_format), ##__VA_ARGS__); \
    })

#define lock_xadd(pointer, value) ((void)__sync_fetch_and_add(pointer, value))

#define htons(value) bpf_htons(value)
#define ntohs(value) bpf_ntohs(value)
#define htonl(value) bpf_htonl(value)
#define ntohl(value) bpf_ntohl(value)
#define bpf_htonll(value) bpf_cpu_to_be64(value)
#define bpf_ntohll(value) bpf_be64_to_cpu(value)
#define cpu_to_be16(value) bpf_htons(value)
#define cpu_to_be32(value) bpf_htonl(value)
#define cpu_to_be64(value) bpf_cpu_to_be64(value)
#define be16_to_cpu(value) bpf_ntohs(value)
#define be32_to_cpu(value) bpf_ntohl(value)
#define be64_to_cpu(value) bpf_be64_to_cpu(value)

#ifndef likely
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#define BUILD_BUG_ON(condition) _Static_assert(!(condition), #condition)
#ifndef PAGE_SIZE
#define PAGE_SIZE 4096
#endif
#define CUR_CPU_IDENTIFIER BPF_F_CURRENT_CPU
#define BCC_SEC(name) SEC(name)

/* The kernel's headers map these to the builtins; a BPF program has no library to call. */
#define memcpy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define memset(to, value, bytes) __builtin_memset(to, value, bytes)
#define memmove(to, from, bytes) __builtin_memmove(to, from, bytes)
#define memcmp(a, b, bytes) __builtin_memcmp(a, b, bytes)

#define roundup_pow_of_two(n) ((n) <= 1 ? 1u : 1u << (32 - __builtin_clz((n) - 1)))

/* Position of the highest bit, from 0; bpf_log2l counts from 1, as the slots of a BPF_HISTOGRAM do.
 * Not __builtin_clz: clang before 19 may fail on it for BPF. */
static __always_inline unsigned int bpf_log2(unsigned int value)
{
    unsigned int log = 0;
    for (unsigned int shift = 16; shift; shift >>= 1) {
        if (value >> shift) {
            value >>= shift;
            log += shift;
        }
    }
    return log;
}

static __always_inline unsigned int bpf_log2l(unsigned long value)
{
    unsigned int high = value >> 32;
    return high ? bpf_log2(high) + 32 + 1 : bpf_log2(value) + 1;
}

/* Reads of the skb: tc only, the verifier names them in XDP. Behind its end they end the chain: kernel,
 * net/core/filter.c:bpf_gen_ld_abs. */
unsigned long long load_byte(void *skb, unsigned long long offset) __asm__("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long offset) __asm__("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long offset) __asm__("llvm.bpf.load.word");

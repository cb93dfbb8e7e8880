/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Messages from a probe into weir's log, each with the probe's name, the CPU and the time.
 *
 *     #include <weir/probe.h>
 *     #include <weir/log.h>
 *     WEIR_PROBE(odd) {
 *         struct iphdr *ip = weir_parse_ipv4(p);
 *         if (ip && ip->ttl < 2)
 *             weir_log(WEIR_WARNING, "TTL %d from %pI4", ip->ttl, &(__be32){ip->saddr});
 *         return WEIR_PASS;
 *     }
 *
 * For what is rare: a message is formatted in the kernel, and each CPU may send weir_log_rate of them a
 * second (--set PROBE.log_rate). What is beyond that, or finds no room, is counted (`logs.lost` in the
 * window's health). What is less urgent than --set PROBE.log_level costs nothing. Linux 5.13 and later. */
#include <stddef.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "clock.h"
#include "counts.h"

/* One ring for both clones, so that messages come in their order. A power of two and of pages; 282 fit,
 * which user space takes out as they come. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} weir_logs SEC(".maps");

/* Of a CPU: how many messages it sent in which second. Also one for both clones. */
struct weir_log_second {
    __u64 second;
    __u64 messages;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_log_second);
} weir_log_seconds SEC(".maps") __attribute__((btf_decl_tag(WEIR_TAG_PERSIST)));

/* Parameters: messages per second and CPU; the least urgent level. */
const volatile __u32 weir_log_rate SEC(".rodata.weir") = 1000;
const volatile __u32 weir_log_level SEC(".rodata.weir") = WEIR_INFO;

/* Conversions are those of the kernel's bpf_snprintf(): %d %i %u %x with l and ll, %c, %s of kernel memory,
 * %p and, with the address of an address, %pI4 and %pI6; 12 at most. Of a longer text the first
 * WEIR_LOG_BYTES bytes are kept. */
#define weir_log(level, format, ...)                     \
    ({                                                   \
        if ((level) >= weir_log_level)                   \
            weir_send_log(level, format, ##__VA_ARGS__); \
    })

/* VERIFIER: the values are there before anything is called; a length that the compiler computed later would
 * be kept as pointers into the packet, in 32 bits, which is refused. */
#define weir_send_log(level, format, ...)                                                                 \
    ({                                                                                                    \
        static const char weir_format[] SEC(".rodata.weir") = format;                                     \
        unsigned long long weir_values[___bpf_narg(__VA_ARGS__)];                                         \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"")             \
            ___bpf_fill(weir_values, ##__VA_ARGS__);                                                      \
        _Pragma("GCC diagnostic pop") asm volatile("" : : "r"(weir_values) : "memory");                   \
        struct weir_log_record *weir_record = weir_reserve_log(level);                                    \
        if (weir_record)                                                                                  \
            weir_submit_log(weir_record, bpf_snprintf(weir_record->text, WEIR_LOG_BYTES + 1, weir_format, \
                                                      weir_values, sizeof(weir_values)));                 \
    })

static __always_inline struct weir_log_record *weir_reserve_log(__u32 level)
{
    __u32 zero = 0;
    struct weir_log_second *sent = bpf_map_lookup_elem(&weir_log_seconds, &zero);
    if (!sent)
        return NULL; /* VERIFIER: one entry, the lookup cannot fail */
    __u64 second = weir_now_coarse() / 1000000000;
    if (sent->second != second) {
        sent->second = second;
        sent->messages = 0;
    }
    struct weir_log_record *record = NULL;
    if (sent->messages < weir_log_rate)
        record = bpf_ringbuf_reserve(&weir_logs, sizeof(*record), 0);
    if (!record) {
        weir_count(logs_lost);
        return NULL;
    }
    sent->messages += 1;
    record->time = weir_now();
    record->cpu = bpf_get_smp_processor_id();
    record->level = level;
    return record;
}

/* `written`: with the zero at the end, also of what was cut off; negative where the kernel had no buffer. */
static __always_inline void weir_submit_log(struct weir_log_record *record, long written)
{
    if (written <= 0) {
        weir_count(logs_lost);
        bpf_ringbuf_discard(record, 0);
        return;
    }
    record->length = written <= WEIR_LOG_BYTES ? written - 1 : WEIR_LOG_BYTES;
    bpf_ringbuf_submit(record, 0);
}

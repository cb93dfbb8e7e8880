/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The rest of BCC's map macros: short forms of those in maps.h, and maps with methods of their own. */

/* A macro with 1 to 4 arguments, the later ones with defaults: picks the form by their number. */
#define WEIR_BCC_PICK4(a, b, c, d, form, ...) form
#define WEIR_BCC_PICK3(a, b, c, form, ...) form

#define BPF_TABLE(type, key, value, name, entries) BPF_F_TABLE(type, key, value, name, entries, 0)

/* Shared with other programs by name: weir gives each clone its own, or one to both (docs/design.md). */
#define BPF_TABLE_PUBLIC BPF_TABLE
#define BPF_TABLE_SHARED BPF_TABLE
#define BPF_F_TABLE_PUBLIC BPF_F_TABLE
#define BPF_F_TABLE_SHARED BPF_F_TABLE
#define BPF_QUEUESTACK_PUBLIC BPF_QUEUESTACK
#define BPF_QUEUESTACK_SHARED BPF_QUEUESTACK

/* Pinned: the path travels as a tag. */
#define WEIR_BCC_PIN(path) __attribute__((btf_decl_tag(WEIR_TAG_PIN path)))
#define BPF_TABLE_PINNED(type, key, value, name, entries, path, ...)                   \
    BPF_F_TABLE(type, key, value, name, entries, WEIR_BCC_SECOND(0, ##__VA_ARGS__, 0)) \
    WEIR_BCC_PIN(path)
#define BPF_QUEUESTACK_PINNED(type, name, value, entries, flags, path) \
    BPF_QUEUESTACK(type, name, value, entries, flags) WEIR_BCC_PIN(path)

#define WEIR_BCC_QUEUE3(type, name, value, entries) BPF_QUEUESTACK(type, name, value, entries, 0)
#define WEIR_BCC_QUEUE4(type, name, value, entries, flags) BPF_QUEUESTACK(type, name, value, entries, flags)
#define WEIR_BCC_QUEUE(...) WEIR_BCC_PICK4(__VA_ARGS__, WEIR_BCC_QUEUE4, WEIR_BCC_QUEUE3)
#define BPF_QUEUE(...) WEIR_BCC_QUEUE(__VA_ARGS__)("queue", __VA_ARGS__)
#define BPF_STACK(...) WEIR_BCC_QUEUE(__VA_ARGS__)("stack", __VA_ARGS__)

/* name, key = u64, value = u64, entries = 10240 */
#define WEIR_BCC_HASH1(type, flags, name) BPF_F_TABLE(type, u64, u64, name, 10240, flags)
#define WEIR_BCC_HASH2(type, flags, name, key) BPF_F_TABLE(type, key, u64, name, 10240, flags)
#define WEIR_BCC_HASH3(type, flags, name, key, value) BPF_F_TABLE(type, key, value, name, 10240, flags)
#define WEIR_BCC_HASH4(type, flags, name, key, value, entries) \
    BPF_F_TABLE(type, key, value, name, entries, flags)
#define WEIR_BCC_HASH(...) \
    WEIR_BCC_PICK4(__VA_ARGS__, WEIR_BCC_HASH4, WEIR_BCC_HASH3, WEIR_BCC_HASH2, WEIR_BCC_HASH1)
#define BPF_HASH(...) WEIR_BCC_HASH(__VA_ARGS__)("hash", 0, __VA_ARGS__)
#define BPF_PERCPU_HASH(...) WEIR_BCC_HASH(__VA_ARGS__)("percpu_hash", 0, __VA_ARGS__)
#define BPF_LRU_HASH(...) WEIR_BCC_HASH(__VA_ARGS__)("lru_hash", 0, __VA_ARGS__)
#define BPF_LRU_PERCPU_HASH(...) WEIR_BCC_HASH(__VA_ARGS__)("lru_percpu_hash", 0, __VA_ARGS__)
#define BPF_PERCPU_LRU_HASH(...) BPF_LRU_PERCPU_HASH(__VA_ARGS__)
#define BPF_LPM_TRIE(...) WEIR_BCC_HASH(__VA_ARGS__)("lpm_trie", BPF_F_NO_PREALLOC, __VA_ARGS__)

/* name, value = u64, entries = 10240 */
#define WEIR_BCC_ARRAY1(type, name) BPF_TABLE(type, int, u64, name, 10240)
#define WEIR_BCC_ARRAY2(type, name, value) BPF_TABLE(type, int, value, name, 10240)
#define WEIR_BCC_ARRAY3(type, name, value, entries) BPF_TABLE(type, int, value, name, entries)
#define WEIR_BCC_ARRAY(...) WEIR_BCC_PICK3(__VA_ARGS__, WEIR_BCC_ARRAY3, WEIR_BCC_ARRAY2, WEIR_BCC_ARRAY1)
#define BPF_ARRAY(...) WEIR_BCC_ARRAY(__VA_ARGS__)("array", __VA_ARGS__)
#define BPF_PERCPU_ARRAY(...) WEIR_BCC_ARRAY(__VA_ARGS__)("percpu_array", __VA_ARGS__)

/* name, key = int, entries = 64 */
#define WEIR_BCC_HIST1(name) BPF_TABLE("histogram", int, u64, name, 64)
#define WEIR_BCC_HIST2(name, key) BPF_TABLE("histogram", key, u64, name, 64)
#define WEIR_BCC_HIST3(name, key, entries) BPF_TABLE("histogram", key, u64, name, entries)
#define BPF_HISTOGRAM(...) \
    WEIR_BCC_PICK3(__VA_ARGS__, WEIR_BCC_HIST3, WEIR_BCC_HIST2, WEIR_BCC_HIST1)(__VA_ARGS__)

#define BPF_PROG_ARRAY(name, entries) BPF_TABLE("prog", u32, u32, name, entries)
#define BPF_XDP_REDIRECT_MAP(type, value, name, entries) BPF_TABLE(type, u32, value, name, entries)
#define BPF_DEVMAP(name, entries) BPF_TABLE("devmap", u32, int, name, entries)
#define BPF_CPUMAP(name, entries) BPF_TABLE("cpumap", u32, u32, name, entries)
#define BPF_XSKMAP(name, entries) BPF_TABLE("xskmap", u32, int, name, entries)

/* The inner map is named by a string, which no macro can turn into a name: it travels as a tag, and the
 * loader makes the inner map's twin the model of what may be put in. */
#define WEIR_BCC_INNER(inner) __attribute__((btf_decl_tag(WEIR_TAG_INNER inner)))
#define BPF_ARRAY_OF_MAPS(name, inner, entries) \
    BPF_TABLE("array_of_maps", u32, u32, name, entries) WEIR_BCC_INNER(inner)
#define WEIR_BCC_HASH_OF3(name, inner, entries) WEIR_BCC_HASH_OF4(name, u32, inner, entries)
#define WEIR_BCC_HASH_OF4(name, key, inner, entries) \
    BPF_TABLE("hash_of_maps", key, u32, name, entries) WEIR_BCC_INNER(inner)
#define BPF_HASH_OF_MAPS(...) WEIR_BCC_PICK4(__VA_ARGS__, WEIR_BCC_HASH_OF4, WEIR_BCC_HASH_OF3)(__VA_ARGS__)

#define BPF_MAX_STACK_DEPTH 127 /* the kernel's PERF_MAX_STACK_DEPTH */
struct bpf_stacktrace {
    u64 ip[BPF_MAX_STACK_DEPTH];
};
struct bpf_stacktrace_buildid {
    struct bpf_stack_build_id trace[BPF_MAX_STACK_DEPTH];
};
#define BPF_STACK_TRACE(name, entries) \
    BPF_TABLE("stacktrace", int, struct bpf_stacktrace, name, roundup_pow_of_two(entries))
#define BPF_STACK_TRACE_BUILDID(name, entries)                                                       \
    BPF_F_TABLE("stacktrace", int, struct bpf_stacktrace_buildid, name, roundup_pow_of_two(entries), \
                BPF_F_STACK_BUILD_ID)

#define BPF_PERF_OUTPUT(name)                                                                              \
    struct weir_##name##_map {                                                                             \
        __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                                       \
        __uint(key_size, 4);                                                                               \
        __uint(value_size, 4);                                                                             \
    };                                                                                                     \
    WEIR_BCC_DECLARE(name);                                                                                \
    WEIR_BCC_METHOD int weir_##name##_submit(void *ctx, void *data, u32 bytes)                             \
    {                                                                                                      \
        return bpf_perf_event_output(ctx, &weir_##name, BPF_F_CURRENT_CPU, data, bytes);                   \
    }                                                                                                      \
    WEIR_BCC_METHOD int weir_##name##_submit_skb(void *ctx, u32 packet_bytes, void *data, u32 bytes)       \
    {                                                                                                      \
        return bpf_perf_event_output(ctx, &weir_##name, (u64)packet_bytes << 32 | BPF_F_CURRENT_CPU, data, \
                                     bytes);                                                               \
    }                                                                                                      \
    static const struct {                                                                                  \
        int (*perf_submit)(void *, void *, u32);                                                           \
        int (*perf_submit_skb)(void *, u32, void *, u32);                                                  \
    } WEIR_BCC_METHODS(name) = {weir_##name##_submit, weir_##name##_submit_skb};                           \
    WEIR_BCC_DEFINE(name)

#define BPF_PERF_ARRAY(name, entries)                                                  \
    struct weir_##name##_map {                                                         \
        __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                   \
        __uint(max_entries, entries);                                                  \
        __uint(key_size, 4);                                                           \
        __uint(value_size, 4);                                                         \
    };                                                                                 \
    WEIR_BCC_DECLARE(name);                                                            \
    WEIR_BCC_METHOD u64 weir_##name##_read(int index)                                  \
    {                                                                                  \
        return bpf_perf_event_read(&weir_##name, index);                               \
    }                                                                                  \
    WEIR_BCC_METHOD int weir_##name##_counter_value(int index, void *value, u32 bytes) \
    {                                                                                  \
        return bpf_perf_event_read_value(&weir_##name, index, value, bytes);           \
    }                                                                                  \
    static const struct {                                                              \
        u64 (*perf_read)(int);                                                         \
        int (*perf_counter_value)(int, void *, u32);                                   \
    } WEIR_BCC_METHODS(name) = {weir_##name##_read, weir_##name##_counter_value};      \
    WEIR_BCC_DEFINE(name)

#define BPF_RINGBUF_OUTPUT(name, pages)                                        \
    struct weir_##name##_map {                                                 \
        __uint(type, BPF_MAP_TYPE_RINGBUF);                                    \
        __uint(max_entries, (pages) * PAGE_SIZE);                              \
    };                                                                         \
    WEIR_BCC_DECLARE(name);                                                    \
    WEIR_BCC_METHOD int weir_##name##_output(void *data, u64 bytes, u64 flags) \
    {                                                                          \
        return bpf_ringbuf_output(&weir_##name, data, bytes, flags);           \
    }                                                                          \
    WEIR_BCC_METHOD void *weir_##name##_reserve(u64 bytes)                     \
    {                                                                          \
        return bpf_ringbuf_reserve(&weir_##name, bytes, 0);                    \
    }                                                                          \
    WEIR_BCC_METHOD void weir_##name##_submit(void *data, u64 flags)           \
    {                                                                          \
        bpf_ringbuf_submit(data, flags);                                       \
    }                                                                          \
    WEIR_BCC_METHOD void weir_##name##_discard(void *data, u64 flags)          \
    {                                                                          \
        bpf_ringbuf_discard(data, flags);                                      \
    }                                                                          \
    WEIR_BCC_METHOD u64 weir_##name##_query(u64 flags)                         \
    {                                                                          \
        return bpf_ringbuf_query(&weir_##name, flags);                         \
    }                                                                          \
    static const struct {                                                      \
        int (*ringbuf_output)(void *, u64, u64);                               \
        void *(*ringbuf_reserve)(u64);                                         \
        void (*ringbuf_submit)(void *, u64);                                   \
        void (*ringbuf_discard)(void *, u64);                                  \
        u64 (*ringbuf_query)(u64);                                             \
    } WEIR_BCC_METHODS(name) = {                                               \
        weir_##name##_output,  weir_##name##_reserve, weir_##name##_submit,    \
        weir_##name##_discard, weir_##name##_query,                            \
    };                                                                         \
    WEIR_BCC_DEFINE(name)

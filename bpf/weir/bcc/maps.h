/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* BCC's key/value maps. A map M that is written as M.lookup(&key) becomes
 *
 *     weir_M   the map: declared with the assembler name M, hence M for libbpf and in BTF;
 *     M        a static const struct of pointers to small functions, which -O2 folds into direct, inlined
 *              calls. Nothing of it is left in the object.
 *
 * The map is defined last, so that what follows the macro (__attributes__((SWAP))) belongs to it. */

#define __attributes__(list) __attribute__((btf_decl_tag(WEIR_TAG_DIALECT #list)))

/* A type is "hash" or hash: the quotes of -DMAPTYPE="hash" are lost in a shell. */
#define WEIR_BCC_IS(type, name)                                    \
    (__builtin_strcmp(WEIR_BCC_TEXT(type), "\"" name "\"") == 0 || \
     __builtin_strcmp(WEIR_BCC_TEXT(type), name) == 0)
#define WEIR_BCC_TEXT(type) WEIR_BCC_TEXT_EXPANDED(type)
#define WEIR_BCC_TEXT_EXPANDED(type) #type
/* BCC's words for map types; 0: none. A histogram over int is an array. */
#define WEIR_BCC_TYPE(type, key_type)                                             \
    (WEIR_BCC_IS(type, "hash")                     ? BPF_MAP_TYPE_HASH            \
     : WEIR_BCC_IS(type, "array")                  ? BPF_MAP_TYPE_ARRAY           \
     : WEIR_BCC_IS(type, "percpu_hash")            ? BPF_MAP_TYPE_PERCPU_HASH     \
     : WEIR_BCC_IS(type, "percpu_array")           ? BPF_MAP_TYPE_PERCPU_ARRAY    \
     : WEIR_BCC_IS(type, "lru_hash")               ? BPF_MAP_TYPE_LRU_HASH        \
     : WEIR_BCC_IS(type, "lru_percpu_hash")        ? BPF_MAP_TYPE_LRU_PERCPU_HASH \
     : WEIR_BCC_IS(type, "lpm_trie")               ? BPF_MAP_TYPE_LPM_TRIE        \
     : WEIR_BCC_IS(type, "prog")                   ? BPF_MAP_TYPE_PROG_ARRAY      \
     : WEIR_BCC_IS(type, "stacktrace")             ? BPF_MAP_TYPE_STACK_TRACE     \
     : WEIR_BCC_IS(type, "array_of_maps")          ? BPF_MAP_TYPE_ARRAY_OF_MAPS   \
     : WEIR_BCC_IS(type, "hash_of_maps")           ? BPF_MAP_TYPE_HASH_OF_MAPS    \
     : WEIR_BCC_IS(type, "devmap")                 ? BPF_MAP_TYPE_DEVMAP          \
     : WEIR_BCC_IS(type, "cpumap")                 ? BPF_MAP_TYPE_CPUMAP          \
     : WEIR_BCC_IS(type, "xskmap")                 ? BPF_MAP_TYPE_XSKMAP          \
     : WEIR_BCC_IS(type, "sockmap")                ? BPF_MAP_TYPE_SOCKMAP         \
     : WEIR_BCC_IS(type, "sockhash")               ? BPF_MAP_TYPE_SOCKHASH        \
     : WEIR_BCC_IS(type, "queue")                  ? BPF_MAP_TYPE_QUEUE           \
     : WEIR_BCC_IS(type, "stack")                  ? BPF_MAP_TYPE_STACK           \
     : !WEIR_BCC_IS(type, "histogram")             ? 0                            \
     : __builtin_types_compatible_p(key_type, int) ? BPF_MAP_TYPE_ARRAY           \
                                                   : BPF_MAP_TYPE_HASH)

/* Beside the loader's constants: in .rodata it would show as a map of the author's. */
#define WEIR_BCC_CONSTANT __attribute__((section(".rodata.weir")))
#define WEIR_BCC_METHOD static __always_inline __attribute__((unused))
#define WEIR_BCC_DECLARE(name) extern struct weir_##name##_map weir_##name __asm__(#name)
#define WEIR_BCC_METHODS(name) name __asm__("weir." #name) __attribute__((unused))
#define WEIR_BCC_DEFINE(name) struct weir_##name##_map weir_##name SEC(".maps")

/* Where values are no integers, increment() takes this for its amount, so that using it is an error that
 * says so at the author's line. */
struct weir_increment_works_on_maps_of_integers {
    int none;
};
#define WEIR_BCC_IS_COUNTER(type) \
    (sizeof(type) == 8 || sizeof(type) == 4 || sizeof(type) == 2 || sizeof(type) == 1)
#define WEIR_BCC_AMOUNT(type)                                           \
    __typeof__(__builtin_choose_expr(WEIR_BCC_IS_COUNTER(type), (u64)0, \
                                     (struct weir_increment_works_on_maps_of_integers){0}))

/* Atomic, unlike BCC's increment(): two CPUs that count the same key lose nothing. The kernel has no
 * atomics of 1 and 2 bytes. */
static __always_inline void weir_bcc_add(void *value, u64 amount, unsigned long bytes)
{
    if (bytes == 8)
        __sync_fetch_and_add((u64 *)value, amount);
    else if (bytes == 4)
        __sync_fetch_and_add((u32 *)value, (u32)amount);
    else if (bytes == 2)
        *(u16 *)value += amount;
    else
        *(u8 *)value += amount;
}

/* increment(key) and increment(key, amount): C has no default arguments, hence a macro. */
#define WEIR_BCC_SECOND(a, b, ...) b
#define increment(key, ...) increment(key, WEIR_BCC_SECOND(key, ##__VA_ARGS__, 1, 0))
#define atomic_increment(key, ...) atomic_increment(key, WEIR_BCC_SECOND(key, ##__VA_ARGS__, 1, 0))

/* BPF_F_TABLE and all that is made of it; `key_type` may be a struct.
 *
 * lookup_or_init: BCC returns 0 from the calling function where the map is full, which drops the packet.
 * Here the caller gets a spare value, and the packet goes its way; the report calls the map saturated. */
#define BPF_F_TABLE(type_, key_, value_, name, entries, flags_)                                            \
    enum { weir_##name##_type = WEIR_BCC_TYPE(type_, key_) };                                              \
    _Static_assert(weir_##name##_type, "weir: no table type " WEIR_BCC_TEXT(type_) " here");               \
    struct weir_##name##_map {                                                                             \
        __uint(type, weir_##name##_type);                                                                  \
        __uint(max_entries, entries);                                                                      \
        __uint(map_flags, flags_);                                                                         \
        __type(key, key_);                                                                                 \
        __type(value, value_);                                                                             \
    };                                                                                                     \
    typedef key_ weir_##name##_key;                                                                        \
    typedef value_ weir_##name##_value;                                                                    \
    typedef WEIR_BCC_AMOUNT(value_) weir_##name##_amount;                                                  \
    WEIR_BCC_DECLARE(name);                                                                                \
    static __attribute__((unused, section(".bss.weir"))) weir_##name##_value weir_##name##_spare;          \
    WEIR_BCC_METHOD weir_##name##_value *weir_##name##_lookup(const void *key)                             \
    {                                                                                                      \
        return bpf_map_lookup_elem(&weir_##name, key);                                                     \
    }                                                                                                      \
    WEIR_BCC_METHOD weir_##name##_value *weir_##name##_try_init(const void *key, const void *value)        \
    {                                                                                                      \
        weir_##name##_value *found = bpf_map_lookup_elem(&weir_##name, key);                               \
        if (found)                                                                                         \
            return found;                                                                                  \
        bpf_map_update_elem(&weir_##name, key, value, BPF_NOEXIST);                                        \
        return bpf_map_lookup_elem(&weir_##name, key);                                                     \
    }                                                                                                      \
    WEIR_BCC_METHOD weir_##name##_value *weir_##name##_init(const void *key, const void *value)            \
    {                                                                                                      \
        weir_##name##_value *found = weir_##name##_try_init(key, value);                                   \
        return found ? found : &weir_##name##_spare;                                                       \
    }                                                                                                      \
    WEIR_BCC_METHOD int weir_##name##_update(const void *key, const void *value)                           \
    {                                                                                                      \
        return bpf_map_update_elem(&weir_##name, key, value, BPF_ANY);                                     \
    }                                                                                                      \
    WEIR_BCC_METHOD int weir_##name##_insert(const void *key, const void *value)                           \
    {                                                                                                      \
        return bpf_map_update_elem(&weir_##name, key, value, BPF_NOEXIST);                                 \
    }                                                                                                      \
    WEIR_BCC_METHOD int weir_##name##_delete(const void *key)                                              \
    {                                                                                                      \
        return bpf_map_delete_elem(&weir_##name, key);                                                     \
    }                                                                                                      \
    WEIR_BCC_METHOD void weir_##name##_increment(weir_##name##_key key, weir_##name##_amount amount)       \
    {                                                                                                      \
        static const volatile weir_##name##_value zero WEIR_BCC_CONSTANT;                                  \
        weir_##name##_value *found = weir_##name##_try_init(&key, (const void *)&zero);                    \
        if (found)                                                                                         \
            weir_bcc_add(found,                                                                            \
                         (u64) __builtin_choose_expr(WEIR_BCC_IS_COUNTER(weir_##name##_value), amount, 0), \
                         sizeof(weir_##name##_value));                                                     \
    }                                                                                                      \
    WEIR_BCC_METHOD void weir_##name##_call(void *ctx, u32 index)                                          \
    {                                                                                                      \
        bpf_tail_call(ctx, &weir_##name, index);                                                           \
    }                                                                                                      \
    WEIR_BCC_METHOD int weir_##name##_get_stackid(void *ctx, u64 flags)                                    \
    {                                                                                                      \
        return bpf_get_stackid(ctx, &weir_##name, flags);                                                  \
    }                                                                                                      \
    WEIR_BCC_METHOD int weir_##name##_redirect_map(int key, u64 flags)                                     \
    {                                                                                                      \
        return bpf_redirect_map(&weir_##name, key, flags);                                                 \
    }                                                                                                      \
    static const struct {                                                                                  \
        weir_##name##_value *(*lookup)(const void *);                                                      \
        weir_##name##_value *(*lookup_or_init)(const void *, const void *);                                \
        weir_##name##_value *(*lookup_or_try_init)(const void *, const void *);                            \
        int (*update)(const void *, const void *);                                                         \
        int (*insert)(const void *, const void *);                                                         \
        int (*delete)(const void *);                                                                       \
        void (*increment)(weir_##name##_key, weir_##name##_amount);                                        \
        void (*atomic_increment)(weir_##name##_key, weir_##name##_amount);                                 \
        void (*call)(void *, u32);                                                                         \
        int (*get_stackid)(void *, u64);                                                                   \
        int (*redirect_map)(int, u64);                                                                     \
    } WEIR_BCC_METHODS(name) =                                                                             \
        {                                                                                                  \
            weir_##name##_lookup,      weir_##name##_init,         weir_##name##_try_init,                 \
            weir_##name##_update,      weir_##name##_insert,       weir_##name##_delete,                   \
            weir_##name##_increment,   weir_##name##_increment,    weir_##name##_call,                     \
            weir_##name##_get_stackid, weir_##name##_redirect_map,                                         \
    };                                                                                                     \
    WEIR_BCC_DEFINE(name)

#define BPF_QUEUESTACK(type_, name, value_, entries, flags_)                                \
    _Static_assert(WEIR_BCC_IS(type_, "queue") || WEIR_BCC_IS(type_, "stack"),              \
                   "weir: no queue type " WEIR_BCC_TEXT(type_) " here");                    \
    struct weir_##name##_map {                                                              \
        __uint(type, WEIR_BCC_TYPE(type_, int));                                            \
        __uint(max_entries, entries);                                                       \
        __uint(map_flags, flags_);                                                          \
        __type(value, value_);                                                              \
    };                                                                                      \
    WEIR_BCC_DECLARE(name);                                                                 \
    WEIR_BCC_METHOD int weir_##name##_push(const void *value, u64 flags)                    \
    {                                                                                       \
        return bpf_map_push_elem(&weir_##name, value, flags);                               \
    }                                                                                       \
    WEIR_BCC_METHOD int weir_##name##_pop(void *value)                                      \
    {                                                                                       \
        return bpf_map_pop_elem(&weir_##name, value);                                       \
    }                                                                                       \
    WEIR_BCC_METHOD int weir_##name##_peek(void *value)                                     \
    {                                                                                       \
        return bpf_map_peek_elem(&weir_##name, value);                                      \
    }                                                                                       \
    static const struct {                                                                   \
        int (*push)(const void *, u64);                                                     \
        int (*pop)(void *);                                                                 \
        int (*peek)(void *);                                                                \
    } WEIR_BCC_METHODS(name) = {weir_##name##_push, weir_##name##_pop, weir_##name##_peek}; \
    WEIR_BCC_DEFINE(name)

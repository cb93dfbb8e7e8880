/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* BCC's maps of sockets, cgroups and local storage. Few programs at XDP can use them; a source that only
 * declares one still compiles and loads. */

#define WEIR_BCC_SOCKETS(kind, entries, name, update_method)                         \
    struct weir_##name##_map {                                                       \
        __uint(type, kind);                                                          \
        __uint(max_entries, entries);                                                \
        __uint(key_size, 4);                                                         \
        __uint(value_size, 4);                                                       \
    };                                                                               \
    WEIR_BCC_DECLARE(name);                                                          \
    WEIR_BCC_METHOD int weir_##name##_update(const void *key, const void *value)     \
    {                                                                                \
        return bpf_map_update_elem(&weir_##name, key, value, BPF_ANY);               \
    }                                                                                \
    WEIR_BCC_METHOD int weir_##name##_delete(const void *key)                        \
    {                                                                                \
        return bpf_map_delete_elem(&weir_##name, key);                               \
    }                                                                                \
    WEIR_BCC_METHOD int weir_##name##_socket_update(void *ctx, void *key, u64 flags) \
    {                                                                                \
        return bpf_##update_method(ctx, &weir_##name, key, flags);                   \
    }                                                                                \
    WEIR_BCC_METHOD int weir_##name##_msg_hash(void *message, void *key, u64 flags)  \
    {                                                                                \
        return bpf_msg_redirect_hash(message, &weir_##name, key, flags);             \
    }                                                                                \
    WEIR_BCC_METHOD int weir_##name##_msg_map(void *message, u32 key, u64 flags)     \
    {                                                                                \
        return bpf_msg_redirect_map(message, &weir_##name, key, flags);              \
    }                                                                                \
    WEIR_BCC_METHOD int weir_##name##_sk_hash(void *ctx, void *key, u64 flags)       \
    {                                                                                \
        return bpf_sk_redirect_hash(ctx, &weir_##name, key, flags);                  \
    }                                                                                \
    static const struct {                                                            \
        int (*update)(const void *, const void *);                                   \
        int (*delete)(const void *);                                                 \
        int (*update_method)(void *, void *, u64);                                   \
        int (*msg_redirect_hash)(void *, void *, u64);                               \
        int (*msg_redirect_map)(void *, u32, u64);                                   \
        int (*sk_redirect_hash)(void *, void *, u64);                                \
    } WEIR_BCC_METHODS(name) = {                                                     \
        weir_##name##_update,   weir_##name##_delete,  weir_##name##_socket_update,  \
        weir_##name##_msg_hash, weir_##name##_msg_map, weir_##name##_sk_hash,        \
    };                                                                               \
    WEIR_BCC_DEFINE(name)

#define BPF_SOCKMAP(name, entries) WEIR_BCC_SOCKETS(BPF_MAP_TYPE_SOCKMAP, entries, name, sock_map_update)
#define BPF_SOCKHASH(name, ...) \
    WEIR_BCC_SOCKETS(BPF_MAP_TYPE_SOCKHASH, WEIR_BCC_LAST2(10240, ##__VA_ARGS__), name, sock_hash_update)
#define WEIR_BCC_LAST2(...) \
    WEIR_BCC_PICK3(__VA_ARGS__, WEIR_BCC_ARG3, WEIR_BCC_ARG2, WEIR_BCC_ARG1)(__VA_ARGS__)
#define WEIR_BCC_ARG1(a) a
#define WEIR_BCC_ARG2(a, b) b
#define WEIR_BCC_ARG3(a, b, c) c

/* Values that hang on a socket, an inode or a task. */
#define WEIR_BCC_STORAGE(kind, owner, name, value_)                             \
    struct weir_##name##_map {                                                  \
        __uint(type, kind);                                                     \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                   \
        __type(key, int);                                                       \
        __type(value, value_);                                                  \
    };                                                                          \
    WEIR_BCC_DECLARE(name);                                                     \
    WEIR_BCC_METHOD value_ *weir_##name##_get(void *of, void *value, u64 flags) \
    {                                                                           \
        return bpf_##owner##_storage_get(&weir_##name, of, value, flags);       \
    }                                                                           \
    WEIR_BCC_METHOD int weir_##name##_delete(void *of)                          \
    {                                                                           \
        return bpf_##owner##_storage_delete(&weir_##name, of);                  \
    }                                                                           \
    static const struct {                                                       \
        value_ *(*owner##_storage_get)(void *, void *, u64);                    \
        int (*owner##_storage_delete)(void *);                                  \
    } WEIR_BCC_METHODS(name) = {weir_##name##_get, weir_##name##_delete};       \
    WEIR_BCC_DEFINE(name)

#define BPF_SK_STORAGE(name, value) WEIR_BCC_STORAGE(BPF_MAP_TYPE_SK_STORAGE, sk, name, value)
#define BPF_INODE_STORAGE(name, value) WEIR_BCC_STORAGE(BPF_MAP_TYPE_INODE_STORAGE, inode, name, value)
#define BPF_TASK_STORAGE(name, value) WEIR_BCC_STORAGE(BPF_MAP_TYPE_TASK_STORAGE, task, name, value)

#define WEIR_BCC_CGROUP_STORAGE(kind, name, value_)                                               \
    struct weir_##name##_map {                                                                    \
        __uint(type, kind);                                                                       \
        __type(key, struct bpf_cgroup_storage_key);                                               \
        __type(value, value_);                                                                    \
    };                                                                                            \
    WEIR_BCC_DECLARE(name);                                                                       \
    WEIR_BCC_METHOD value_ *weir_##name##_lookup(const void *key)                                 \
    {                                                                                             \
        return bpf_map_lookup_elem(&weir_##name, key);                                            \
    }                                                                                             \
    WEIR_BCC_METHOD int weir_##name##_update(const void *key, const void *value)                  \
    {                                                                                             \
        return bpf_map_update_elem(&weir_##name, key, value, BPF_ANY);                            \
    }                                                                                             \
    WEIR_BCC_METHOD value_ *weir_##name##_local(u64 flags)                                        \
    {                                                                                             \
        return bpf_get_local_storage(&weir_##name, flags);                                        \
    }                                                                                             \
    static const struct {                                                                         \
        value_ *(*lookup)(const void *);                                                          \
        int (*update)(const void *, const void *);                                                \
        value_ *(*get_local_storage)(u64);                                                        \
    } WEIR_BCC_METHODS(name) = {weir_##name##_lookup, weir_##name##_update, weir_##name##_local}; \
    WEIR_BCC_DEFINE(name)

#define BPF_CGROUP_STORAGE(name, value) WEIR_BCC_CGROUP_STORAGE(BPF_MAP_TYPE_CGROUP_STORAGE, name, value)
#define BPF_PERCPU_CGROUP_STORAGE(name, value) \
    WEIR_BCC_CGROUP_STORAGE(BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, name, value)

#define BPF_CGROUP_ARRAY(name, entries)                            \
    struct weir_##name##_map {                                     \
        __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);                   \
        __uint(max_entries, entries);                              \
        __uint(key_size, 4);                                       \
        __uint(value_size, 4);                                     \
    };                                                             \
    WEIR_BCC_DECLARE(name);                                        \
    WEIR_BCC_METHOD int weir_##name##_check(int index)             \
    {                                                              \
        return bpf_current_task_under_cgroup(&weir_##name, index); \
    }                                                              \
    static const struct {                                          \
        int (*check_current_task)(int);                            \
    } WEIR_BCC_METHODS(name) = {weir_##name##_check};              \
    WEIR_BCC_DEFINE(name)

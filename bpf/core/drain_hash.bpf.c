/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copies a HASH or LRU_HASH that nobody writes into memory that user space has mapped, and deletes from it
 * what was copied; run from there. Both maps are stand-ins: at load the real map takes the place of
 * weir_source, and a row gets the size of its key and value, each rounded up to 8 bytes. Kernel: 5.17
 * (bpf_loop). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char weir_license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __uint(key_size, 4);
    __uint(value_size, 8);
} weir_source SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(key_size, 4);
    __uint(value_size, 16);
} weir_rows SEC(".maps");

const volatile __u32 weir_key_bytes = 4;
const volatile __u32 weir_value_bytes = 8;

#define WORD(i)               \
    if (8 * (i) + 8 <= bytes) \
        *(__u64 *)(to + 8 * (i)) = *(const __u64 *)(from + 8 * (i));
#define WORDS4(i) WORD(i) WORD((i) + 1) WORD((i) + 2) WORD((i) + 3)
#define WORDS16(i) WORDS4(i) WORDS4((i) + 4) WORDS4((i) + 8) WORDS4((i) + 12)

/* VERIFIER: `bytes` comes from .rodata, so the branches not taken are dead and are taken out of the program:
 * straight moves are left, half the time of a call that copies. */
static __always_inline void copy(void *to, const void *from, __u32 bytes)
{
    if (bytes > 256) {
        bpf_probe_read_kernel(to, bytes, from);
        return;
    }
    WORDS16(0)
    WORDS16(16)
    __u32 at = bytes & ~7u;
    if (bytes & 4) {
        *(__u32 *)(to + at) = *(const __u32 *)(from + at);
        at += 4;
    }
    if (bytes & 2) {
        *(__u16 *)(to + at) = *(const __u16 *)(from + at);
        at += 2;
    }
    if (bytes & 1)
        *(__u8 *)(to + at) = *(const __u8 *)(from + at);
}

static long copy_one(void *map, const void *key, void *value, __u32 *count)
{
    void *row = bpf_map_lookup_elem(&weir_rows, count);
    if (!row)
        return 1; /* no room for more */
    copy(row, key, weir_key_bytes);
    copy(row + (weir_key_bytes + 7) / 8 * 8, value, weir_value_bytes);
    *count += 1;
    return 0;
}

static long delete_one(__u32 step, __u32 *index)
{
    void *row = bpf_map_lookup_elem(&weir_rows, index);
    if (!row)
        return 1;
    bpf_map_delete_elem(&weir_source, row); /* one that is gone already is no error */
    *index += 1;
    return 0;
}

/* Returns how many rows it wrote. */
SEC("syscall") int weir_copy(void *unused)
{
    __u32 count = 0;
    bpf_for_each_map_elem(&weir_source, copy_one, &count, 0);
    return count;
}

/* Deletes the keys of arguments[1] rows, the first of them arguments[0]. */
SEC("syscall") int weir_delete(__u64 *arguments)
{
    __u32 index = arguments[0];
    return bpf_loop(arguments[1], delete_one, &index, 0);
}

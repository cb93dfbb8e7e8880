// SPDX-License-Identifier: Apache-2.0
// Attributes that overrule what the kind of a map decides.
#include <weir/probe.h>

WEIR_MAP(window, HASH, __u32, __u64, 16) WEIR_EXPORT;
WEIR_MAP(kept, HASH, __u32, __u64, 16) WEIR_PERSIST WEIR_EXPORT;
WEIR_MAP(hidden, ARRAY, __u32, __u64, 1) WEIR_HIDE;

WEIR_PROBE(count_thrice)
{
    __u32 key = 0;
    __u64 *counts[] = {weir_window_get(&window, &key), weir_window_get(&kept, &key),
                       bpf_map_lookup_elem(&hidden, &key)};
    for (int i = 0; i < 3; i++)
        if (counts[i])
            weir_add(counts[i], 1);
    return weir_now() ? WEIR_PASS : WEIR_DROP;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A function with the name of the hook, and a table whose type comes from the command line, as Python's
 * cflags give it: -DMAPTYPE="percpu_array". */
#include <uapi/linux/bpf.h>

BPF_TABLE(MAPTYPE, uint32_t, long, seen, 4);

int xdp(struct CTXTYPE *ctx)
{
    uint32_t index = 1;
    long *value = seen.lookup(&index);
    if (value)
        *value += 1;
    return VERDICT;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The plain way to eight programs behind a first: tail calls with constant indexes, which the kernel makes
 * direct jumps. Nothing is counted, nothing can be exchanged without a moment in between. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

int plain_1(struct xdp_md *ctx);
int plain_2(struct xdp_md *ctx);
int plain_3(struct xdp_md *ctx);
int plain_4(struct xdp_md *ctx);
int plain_5(struct xdp_md *ctx);
int plain_6(struct xdp_md *ctx);
int plain_7(struct xdp_md *ctx);
int plain_8(struct xdp_md *ctx);

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 9);
    __uint(key_size, 4);
    __array(values, int(struct xdp_md *));
} programs SEC(".maps") = {.values = {[1] = plain_1,
                                      [2] = plain_2,
                                      [3] = plain_3,
                                      [4] = plain_4,
                                      [5] = plain_5,
                                      [6] = plain_6,
                                      [7] = plain_7,
                                      [8] = plain_8}};

#define PLAIN(name, next)                           \
    SEC("xdp") int name(struct xdp_md *ctx)         \
    {                                               \
        bpf_tail_call_static(ctx, &programs, next); \
        return XDP_PASS;                            \
    }

PLAIN(one_plain, 8)
PLAIN(eight_plain, 1)
PLAIN(plain_1, 2)
PLAIN(plain_2, 3)
PLAIN(plain_3, 4)
PLAIN(plain_4, 5)
PLAIN(plain_5, 6)
PLAIN(plain_6, 7)
PLAIN(plain_7, 8)

SEC("xdp") int plain_8(struct xdp_md *ctx)
{
    return XDP_PASS;
}

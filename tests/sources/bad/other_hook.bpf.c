/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Its section names another hook, whatever its parameter says. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress") int allow(struct xdp_md *ctx)
{
    return 1;
}

char _license[] SEC("license") = "GPL";

// SPDX-License-Identifier: Apache-2.0
// A redirect through a BPF_DEVMAP without entries: the packet is dropped (XDP_ABORTED) and counted before.
#include <uapi/linux/bpf.h>

BPF_DEVMAP(ports, 4);
BPF_PERCPU_ARRAY(received, long, 1);

int redirect(struct xdp_md *ctx)
{
    int key = 0;
    long *packets = received.lookup(&key);
    if (packets)
        *packets += 1;
    return ports.redirect_map(0, 0);
}

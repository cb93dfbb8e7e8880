// SPDX-License-Identifier: Apache-2.0
// BCC's packet access through the skb: refused by its name.
#include <bcc/proto.h>

int filter(struct xdp_md *ctx)
{
    u8 *cursor = 0;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    return ethernet ? XDP_PASS : XDP_DROP;
}

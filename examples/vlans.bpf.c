/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* vlans: packets and bytes of each VLAN in a window, by the one or two tags (802.1Q, 802.1ad) of a
 * frame. The priority and drop bits are left out, a third tag is not looked at, and tags behind
 * MPLS or in a tunnel are not found. On xdp a device that takes tags out of the frames (rxvlan)
 * hides them: tc-ingress sees them. */
#include <weir/probe.h>

struct vlan {
    __u16 tags; /* 0: untagged, 1, or 2 */
    __u16 outer;
    __u16 inner; /* 0 where there is one tag */
};

struct seen {
    __u64 packets;
    __u64 bytes; /* whole frames, tags included */
};

struct totals {
    __u64 unread;    /* no Ethernet header, or cut off within the tags */
    __u64 untracked; /* `by_vlan` had no room */
};

WEIR_WINDOW_MAP(by_vlan, struct vlan, struct seen, 8192);
WEIR_MAP(totals, PERCPU_ARRAY, __u32, struct totals, 1) WEIR_WINDOW;

WEIR_PROBE(vlans) {
    __u32 zero = 0;
    struct totals* all = bpf_map_lookup_elem(&totals, &zero);
    if (!all) return WEIR_PASS; /* VERIFIER: one entry, the lookup cannot fail */
    if (!weir_parse_eth(p)) {
        all->unread += 1;
        return WEIR_PASS;
    }
    struct vlan vlan = {p->vlans, p->vlan_tci[0] & 0xfff, p->vlan_tci[1] & 0xfff};
    struct seen* seen = weir_window_get(&by_vlan, &vlan);
    if (!seen) {
        all->untracked += 1;
        return WEIR_PASS;
    }
    seen->packets += 1; /* each CPU has its own */
    seen->bytes += weir_frame_bytes(p);
    return WEIR_PASS;
}

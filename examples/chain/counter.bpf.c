/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* counter: packets and bytes to one port per source, and since when each source is known. */
#include <weir/log.h>
#include <weir/probe.h>

const volatile __u16 PORT = 80; /* a parameter: parameters = { PORT = 443 } */

struct seen {
    __u64 packets;
    __u64 bytes;
};

/* Empty at the start of every window. */
WEIR_WINDOW_MAP(sources, __be32, struct seen, 4096);

/* Never cleared, and taken over by the new code of a patch: nanoseconds of the first packet. */
WEIR_MAP(first_seen, HASH, __be32, __u64, 65536) WEIR_PERSIST;

WEIR_PROBE(counter) {
    struct iphdr* ip = weir_parse_ipv4(p);
    struct tcphdr* tcp = ip ? weir_parse_tcp(p) : NULL;
    if (!tcp || tcp->dest != bpf_htons(PORT)) return WEIR_PASS;
    __be32 source = ip->saddr;
    struct seen* seen = weir_window_get(&sources, &source);
    if (seen) {
        seen->packets += 1; /* each CPU has its own */
        seen->bytes += bpf_ntohs(ip->tot_len);
    }
    __u64 now = weir_now();
    if (!bpf_map_lookup_elem(&first_seen, &source) &&
        !bpf_map_update_elem(&first_seen, &source, &now, BPF_NOEXIST))
        weir_log(WEIR_INFO, "%pI4 asks port %u for the first time", &source, PORT);
    return WEIR_PASS;
}

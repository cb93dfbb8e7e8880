// SPDX-License-Identifier: Apache-2.0
// The smallest useful probe: packets and bytes by IPv4 source.
#include <weir/probe.h>

struct source {
    __u64 packets WEIR_FEATURE("count");
    __u64 bytes WEIR_FEATURE("bytes");
};

WEIR_WINDOW_MAP(sources, __be32, struct source, 65536);

WEIR_PROBE(source_rate)
{
    struct iphdr *ip = weir_parse_ipv4(p);
    struct source *s = ip ? weir_window_get(&sources, &ip->saddr) : NULL;
    if (s) {
        s->packets += 1;
        s->bytes += bpf_ntohs(ip->tot_len);
    }
    return WEIR_PASS;
}

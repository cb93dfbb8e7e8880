// SPDX-License-Identifier: Apache-2.0
// Every parser: which headers a packet has.
#define WEIR_LICENSE "Dual BSD/GPL"
#include <weir/probe.h>

struct headers {
    __u64 frames, ethernet, ipv4, ipv6, tcp, udp, icmp, icmpv6, payload_bytes;
};

WEIR_MAP(headers, ARRAY, __u32, struct headers, 1) WEIR_WINDOW;

WEIR_PROBE(count_headers)
{
    __u32 zero = 0;
    struct headers *seen = bpf_map_lookup_elem(&headers, &zero);
    if (!seen)
        return WEIR_PASS;
    weir_add(&seen->frames, 1);
    weir_add(&seen->ethernet, weir_parse_eth(p) != NULL);
    weir_add(&seen->ipv4, weir_parse_ipv4(p) != NULL);
    weir_add(&seen->ipv6, weir_parse_ipv6(p) != NULL);
    weir_add(&seen->tcp, weir_parse_tcp(p) != NULL);
    weir_add(&seen->udp, weir_parse_udp(p) != NULL);
    weir_add(&seen->icmp, weir_parse_icmp(p) != NULL);
    weir_add(&seen->icmpv6, weir_parse_icmpv6(p) != NULL);
    weir_add(&seen->payload_bytes, p->end - p->pos);
    return WEIR_PASS;
}

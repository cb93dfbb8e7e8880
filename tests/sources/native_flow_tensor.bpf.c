/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flow tensor of an author's own: a flow is a source, of whose packets two are recorded. */
#include <weir/probe.h>
#include <weir/flow.h>

struct sender {
    __be32 address;
};

struct seen {
    __u64 time WEIR_FEATURE("ns");
    __u16 length WEIR_FEATURE("bytes", "of IP");
};

WEIR_FLOW_TENSOR(senders, struct sender, struct seen, 100, 2);

WEIR_PROBE(first_two)
{
    struct iphdr *ip = weir_parse_ipv4(p);
    if (!ip)
        return WEIR_PASS;
    struct weir_flow_id id = weir_flow_id_ipv4(ip->saddr, 0, 0, 0, 0);
    struct weir_flow_head *flow = weir_flow(senders, p, id);
    if (!flow)
        return WEIR_PASS;
    struct sender *sender = weir_flow_new_key(senders, p);
    if (sender)
        sender->address = ip->saddr;
    weir_flow_add_bytes(flow, id, bpf_ntohs(ip->tot_len));
    struct seen *packet = weir_flow_packet(senders, p, flow);
    if (packet) {
        packet->time = weir_now();
        packet->length = bpf_ntohs(ip->tot_len);
    }
    return WEIR_PASS;
}

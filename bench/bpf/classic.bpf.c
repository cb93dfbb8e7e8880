/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the flow tensor is measured against: the usual way to record packets for a user-space model. Sessions
 * live in a HASH, and for each recorded packet a record with the session's key goes into a QUEUE. The same
 * fields as probes/ddos, IPv4 only. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

struct session_key {
    __be32 source, destination;
    __be16 source_port, destination_port;
    __u32 protocol;
};

struct session {
    __be32 server;
    __u32 packets;
};

struct record {
    struct session_key key;
    __u64 time;
    __u32 tcp_ack;
    __u16 ip_length, ip_fragment, tcp_length, tcp_flags, tcp_window, udp_length;
    __u8 icmp_type;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, struct session_key);
    __type(value, struct session);
} sessions SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1 << 20);
    __type(value, struct record);
} records SEC(".maps");

const volatile __u32 packets_per_session = 1 << 30;
const volatile bool coarse_clock = false;
const volatile __u32 verdict = XDP_PASS;

SEC("xdp") int classic(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return verdict;
    struct record record = {
        .key = {.source = ip->saddr, .destination = ip->daddr, .protocol = ip->protocol},
        .ip_length = bpf_ntohs(ip->tot_len),
        .ip_fragment = bpf_ntohs(ip->frag_off),
    };
    if (ip->protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = (void *)ip + ip->ihl * 4;
        if ((void *)(tcp + 1) > end)
            return verdict;
        record.key.source_port = tcp->source;
        record.key.destination_port = tcp->dest;
        record.tcp_ack = bpf_ntohl(tcp->ack_seq);
        record.tcp_length = record.ip_length - ip->ihl * 4 - tcp->doff * 4;
        record.tcp_flags = bpf_ntohs(((__be16 *)tcp)[6]) & 0xfff;
        record.tcp_window = bpf_ntohs(tcp->window);
    } else if (ip->protocol == IPPROTO_UDP) {
        struct udphdr *udp = (void *)ip + ip->ihl * 4;
        if ((void *)(udp + 1) > end)
            return verdict;
        record.key.source_port = udp->source;
        record.key.destination_port = udp->dest;
        record.udp_length = bpf_ntohs(udp->len);
    }
    /* One session for both directions: the lower address stands first. */
    if (record.key.source > record.key.destination) {
        record.key = (struct session_key){
            .source = ip->daddr,
            .destination = ip->saddr,
            .source_port = record.key.destination_port,
            .destination_port = record.key.source_port,
            .protocol = ip->protocol,
        };
    }
    struct session *session = bpf_map_lookup_elem(&sessions, &record.key);
    if (!session) {
        struct session fresh = {.server = ip->daddr};
        bpf_map_update_elem(&sessions, &record.key, &fresh, BPF_NOEXIST);
        session = bpf_map_lookup_elem(&sessions, &record.key);
        if (!session)
            return verdict;
    }
    if (__sync_fetch_and_add(&session->packets, 1) >= packets_per_session)
        return verdict;
    record.time = coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
    bpf_map_push_elem(&records, &record, 0);
    return verdict;
}

// SPDX-License-Identifier: Apache-2.0
// What a network with six features looks at: of each packet its time, IP flags and fragment offset,
// TCP flags and window, UDP length and ICMP type. In BCC's dialect. Read by classic_detector.py.
#define MAX_SESSIONS 1024
#define PACKETS_PER_SESSION 10

struct ethernet {
    u8 to[6], from[6];
    __be16 type;
} __attribute__((packed));

struct ipv4 {
    u8 words : 4, version : 4;
    u8 tos;
    __be16 bytes, id, fragment;
    u8 ttl, protocol;
    __sum16 check;
    __be32 source, destination;
} __attribute__((packed));

struct session {
    __be32 source, destination;
    __be16 source_port, destination_port;
    u8 protocol;
} __attribute__((packed));

struct features {
    struct session session;
    u64 time; /* ns */
    u16 ip_flags_fragment;
    u8 tcp_flags;
    u16 tcp_window;
    u16 udp_length;
    u8 icmp_type;
} __attribute__((packed));

BPF_TABLE("hash", struct session, u64, SESSIONS, MAX_SESSIONS);
BPF_QUEUESTACK("queue", PACKETS, struct features, MAX_SESSIONS* PACKETS_PER_SESSION, 0);

int handle_rx(struct CTXTYPE* ctx) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethernet* eth = data;
    struct ipv4* ip = data + sizeof(*eth);
    if ((void*)(ip + 1) > end || eth->type != htons(0x0800)) return RX_OK;
    u8* transport = (void*)ip + 4 * ip->words;
    if ((void*)(transport + 8) > end) return RX_OK;
    struct features seen = {.session = {ip->source, ip->destination, 0, 0, ip->protocol},
                            .time = bpf_ktime_get_ns(),
                            .ip_flags_fragment = ntohs(ip->fragment)};
    if (ip->protocol == 1) {
        seen.icmp_type = transport[0];
    } else if (ip->protocol == 6 || ip->protocol == 17) {
        seen.session.source_port = *(__be16*)transport;
        seen.session.destination_port = *(__be16*)(transport + 2);
        if (ip->protocol == 17) {
            seen.udp_length = ntohs(*(__be16*)(transport + 4));
        } else if ((void*)(transport + 20) <= end) {
            seen.tcp_flags = transport[13];
            seen.tcp_window = ntohs(*(__be16*)(transport + 14));
        }
    }
    u64 zero = 0, *packets = SESSIONS.lookup_or_try_init(&seen.session, &zero);
    if (!packets) return RX_OK;
    lock_xadd(packets, 1);
    if (*packets <= PACKETS_PER_SESSION) PACKETS.push(&seen, 0);
    return RX_OK;
}

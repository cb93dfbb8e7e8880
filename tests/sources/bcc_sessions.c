// SPDX-License-Identifier: Apache-2.0
// Sessions in a hash, a record of each of their first packets in a queue: the classic shape of a probe for
// a detector. Brings its own header structs, as BCC sources without kernel headers do.
#define MAX_SESSIONS 1024
#define PACKETS_PER_SESSION 10

struct ethernet {
    __be64 to : 48;
    __be64 from : 48;
    __be16 type;
} __attribute__((packed));

struct ipv4 {
#if defined(__LITTLE_ENDIAN_BITFIELD)
    __u8 words : 4, version : 4;
#else
    __u8 version : 4, words : 4;
#endif
    __u8 tos;
    __be16 bytes, id, fragment;
    __u8 ttl, protocol;
    __sum16 check;
    __be32 source, destination;
};

struct udphdr {
    __be16 source, dest, len;
    __sum16 check;
};

struct session {
    __be32 source, destination;
    __be16 source_port, destination_port;
    u8 protocol;
} __attribute__((packed));

struct record {
    struct session session;
    uint64_t time;
    uint16_t bytes;
} __attribute__((packed));

BPF_TABLE_SHARED("hash", struct session, uint64_t, SESSIONS, MAX_SESSIONS);
BPF_QUEUESTACK_SHARED("queue", PACKETS, struct record, MAX_SESSIONS *PACKETS_PER_SESSION, 0);

int handle_rx(struct CTXTYPE *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethernet *eth = data;
    struct ipv4 *ip = data + sizeof(*eth);
    if (data + sizeof(*eth) + sizeof(*ip) > end)
        return RX_OK;
    if (eth->type != htons(0x0800) || ip->protocol != 17)
        return RX_OK;
    struct udphdr *udp = (void *)ip + (ip->words << 2);
    if ((void *)udp + sizeof(*udp) > end)
        return RX_OK;

    struct session key = {ip->source, ip->destination, udp->source, udp->dest, ip->protocol};
    uint64_t zero = 0, *packets = SESSIONS.lookup_or_try_init(&key, &zero);
    if (!packets)
        return RX_OK;
    lock_xadd(packets, 1);
    if (*packets > PACKETS_PER_SESSION)
        return RX_OK;

    struct record record = {
        .session = key, .time = EPOCH_BASE + bpf_ktime_get_ns(), .bytes = ntohs(ip->bytes)};
    PACKETS.push(&record, 0);
    return RX_OK;
}

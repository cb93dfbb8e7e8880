// SPDX-License-Identifier: Apache-2.0
// Sessions in a hash, and a record of each of their first packets in a queue. In BCC's dialect,
// with header structs of its own. Read by classic_sessions.py.
#define MAX_SESSIONS 1024
#define PACKETS_PER_SESSION 100

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

struct ports {
    __be16 source, destination;
} __attribute__((packed));

struct session {
    __be32 source, destination;
    __be16 source_port, destination_port;
    u8 protocol;
} __attribute__((packed));

struct session_value {
    __be32 server;
    u32 packets;
};

struct record {
    struct session session;
    u64 time; /* ns since 1970 */
    u16 bytes;
    u8 ttl;
} __attribute__((packed));

BPF_TABLE("hash", struct session, struct session_value, SESSIONS, MAX_SESSIONS);
BPF_QUEUESTACK("queue", PACKETS, struct record, MAX_SESSIONS* PACKETS_PER_SESSION, 0);

int handle_rx(struct CTXTYPE* ctx) {
    void *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
    struct ethernet* eth = data;
    struct ipv4* ip = data + sizeof(*eth);
    if ((void*)(ip + 1) > end || eth->type != htons(0x0800)) return RX_OK;
    if (ip->protocol != 6 && ip->protocol != 17) return RX_OK;
    struct ports* ports = (void*)ip + 4 * ip->words;
    if ((void*)(ports + 1) > end) return RX_OK;

    /* One session for both directions: the lower address stands first. */
    struct session key = {ip->source, ip->destination, ports->source, ports->destination,
                          ip->protocol};
    if (key.source > key.destination) {
        struct session other = {ip->destination, ip->source, ports->destination, ports->source,
                                ip->protocol};
        key = other;
    }
    struct session_value zero = {.server = ip->destination};
    struct session_value* value = SESSIONS.lookup_or_try_init(&key, &zero);
    if (!value) return RX_OK;
    lock_xadd(&value->packets, 1);
    if (value->packets > PACKETS_PER_SESSION) return RX_OK;

    struct record record = {.session = key,
                            .time = EPOCH_BASE + bpf_ktime_get_ns(),
                            .bytes = ntohs(ip->bytes),
                            .ttl = ip->ttl};
    PACKETS.push(&record, 0);
    return RX_OK;
}

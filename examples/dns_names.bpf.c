/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* dns_names: which names are asked for, and how often, in a window: the first question of each DNS
 * query to UDP port 53, over IPv4 or IPv6, in the letters (upper or lower case) that it came with.
 * A query that is sent again counts again. Not looked at: answers, TCP, DNS over TLS, HTTPS or
 * QUIC, mDNS, other ports, later fragments, what a tunnel carries. */
#include <weir/probe.h>

#define NAME_BYTES 128

struct name {
    char text[NAME_BYTES]; /* ends with a zero; "" is the root */
};

struct totals {
    __u64 queries;
    __u64 unread;    /* of these: no question, or a name compressed, cut, or over 127 letters */
    __u64 untracked; /* of these: `names` had no room */
};

WEIR_WINDOW_MAP(names, struct name, __u64, 16384);
WEIR_MAP(totals, PERCPU_ARRAY, __u32, struct totals, 1) WEIR_WINDOW;

/* Labels, each behind its length, become text with dots (RFC 1035 section 4.1.2). VERIFIER:
 * arithmetic in place of branches, else each byte would double the ways through the loop. */
static __always_inline bool read_name(const __u8* at, const void* end, int bytes,
                                      struct name* name) {
    __u32 left = 0; /* of this label */
    for (int i = -1; i < NAME_BYTES; i++, at++) {
        if ((void*)(at + 1) > end || i + 1 >= bytes) return false;
        __u32 is_length = (left - 1) >> 31, byte = *at;
        asm volatile("" : "+r"(is_length));
        if (is_length & (byte == 0)) return true; /* `name` is zero from here on */
        if (is_length & (byte > 63)) return false;
        left += is_length * (byte + 1) - 1;
        if (i >= 0) name->text[i] = byte ^ (is_length * (byte ^ '.'));
    }
    return false;
}

WEIR_PROBE(dns_names) {
    struct name name = {};
    __u32 zero = 0;
    struct totals* all = bpf_map_lookup_elem(&totals, &zero);
    struct udphdr* udp = weir_parse_ipv4(p) || weir_parse_ipv6(p) ? weir_parse_udp(p) : NULL;
    __u8* dns = p->pos;
    int bytes = udp ? bpf_ntohs(udp->len) - 20
                    : -1; /* behind UDP and the DNS header: padding is none of it */
    if (!all || !udp || udp->dest != bpf_htons(53) || bytes < 0) return WEIR_PASS;
    if ((void*)(dns + 12) > p->end || dns[2] & 0x80) return WEIR_PASS;
    all->queries += 1;
    bool is_read = (dns[4] || dns[5]) && read_name(dns + 12, p->end, bytes, &name);
    __u64* asked = is_read ? weir_window_get(&names, &name) : NULL;
    if (asked) *asked += 1; /* each CPU has its own */
    all->unread += !is_read;
    all->untracked += is_read && !asked;
    return WEIR_PASS;
}

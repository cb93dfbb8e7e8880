/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tls_names: which server names (SNI) TLS clients ask for over TCP, any port, IPv4 or IPv6, in a
 * window. Looks at the segment that a ClientHello begins, alone: a name in the next one is `unread`
 * (large hellos, with post-quantum keys). A hello that is sent again counts again. Not seen: QUIC,
 * and the true name in an encrypted hello, whose outer name is shown. */
#include <weir/probe.h>

#define NAME_BYTES 128

struct name {
    char text[NAME_BYTES]; /* ends with a zero */
};

struct totals {
    __u64 hellos;
    __u64 unread;    /* of these: no name up to 127 letters in this segment, in 32 extensions */
    __u64 untracked; /* of these: `names` had no room */
};

WEIR_WINDOW_MAP(names, struct name, __u64, 16384);
WEIR_MAP(totals, PERCPU_ARRAY, __u32, struct totals, 1) WEIR_WINDOW;

static __always_inline __u8* look(const struct weir_packet* p, __u32 offset, __u32 bytes) {
    __u8* at = p->pos + weir_masked(offset, 0xfff);
    return offset > 0xfff || (void*)(at + bytes) > p->end ? NULL : at;
}

/* RFC 8446 section 4.1.2 and RFC 6066 section 3. An offset of 0x1000 is nowhere. */
static __always_inline bool read_name(const struct weir_packet* p, struct name* name) {
    __u8* at = look(p, 43, 1); /* session, cipher suites, compression methods, extensions */
    __u32 offset = at ? 44 + *at : 0x1000, bytes = 0, i;
    offset = (at = look(p, offset, 2)) ? offset + 2 + (at[0] << 8 | at[1]) : 0x1000;
    offset = (at = look(p, offset, 1)) ? offset + 3 + *at : 0x1000;
    for (i = 0; i < 32 && (at = look(p, offset, 9)) && (at[0] | at[1]); i++)
        offset += 4 + (at[2] << 8 | at[3]);
    if (i == 32 || !at) return false;
    bytes = at[7] << 8 | at[8];
    for (i = 0; i < NAME_BYTES - 1 && i < bytes && (void*)(at + 10 + i) <= p->end; i++)
        name->text[i] = at[9 + i];
    return i == bytes;
}

WEIR_PROBE(tls_names) {
    struct name name = {};
    __u32 zero = 0;
    struct totals* all = bpf_map_lookup_elem(&totals, &zero);
    struct tcphdr* tcp = weir_parse_ipv4(p) || weir_parse_ipv6(p) ? weir_parse_tcp(p) : NULL;
    __u8* tls = p->pos;
    if (!all || !tcp || (void*)(tls + 6) > p->end || tls[0] != 22 || tls[1] != 3 || tls[5] != 1)
        return WEIR_PASS;
    all->hellos += 1;
    bool is_read = read_name(p, &name);
    __u64* asked = is_read ? weir_window_get(&names, &name) : NULL;
    if (asked) *asked += 1; /* each CPU has its own */
    all->unread += !is_read;
    all->untracked += is_read && !asked;
    return WEIR_PASS;
}

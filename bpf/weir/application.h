/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What a packet carries above TCP or UDP, guessed from its ports and the first four bytes of its payload.
 *
 * A dissector follows connections and reassembles; this looks at one packet. So it is an approximation: it
 * knows a protocol on its usual port or by a beginning that nothing else has, and calls the rest data.
 * Ports: IANA Service Name and Transport Protocol Port Number Registry. */
#include "parse.h"

enum weir_application {
    WEIR_APPLICATION_NONE, /* no payload */
    WEIR_APPLICATION_DATA, /* a payload of an unknown kind */
    WEIR_APPLICATION_HTTP,
    WEIR_APPLICATION_TLS,
    WEIR_APPLICATION_DNS,
    WEIR_APPLICATION_MDNS,
    WEIR_APPLICATION_SSH,
    WEIR_APPLICATION_FTP,
    WEIR_APPLICATION_TELNET,
    WEIR_APPLICATION_SMTP,
    WEIR_APPLICATION_SSDP,
    WEIR_APPLICATION_NTP,
    WEIR_APPLICATION_DHCP,
    WEIR_APPLICATION_SNMP,
    WEIR_APPLICATION_NBNS,
    WEIR_APPLICATION_QUIC,
    WEIR_APPLICATION_STUN,
};

/* Four characters as they lie in memory. */
#define WEIR_TEXT(a, b, c, d) bpf_htonl((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* `port`: the lower one, under which a service is registered if it is at all. `start`: the first four bytes
 * of the payload as they lie in memory, 0 where there are fewer. */
static __always_inline enum weir_application weir_application_tcp(__u16 port, __u32 start)
{
    __u32 head = bpf_ntohl(start) >> 16; /* TLS: content type 20 to 23, version 3.x (RFC 8446 section 5.1) */
    if (head >> 8 >= 20 && head >> 8 <= 23 && (head & 0xff) == 3)
        return WEIR_APPLICATION_TLS;
    switch (start) {
        case WEIR_TEXT('G', 'E', 'T', ' '):
        case WEIR_TEXT('P', 'O', 'S', 'T'):
        case WEIR_TEXT('H', 'T', 'T', 'P'):
        case WEIR_TEXT('H', 'E', 'A', 'D'):
        case WEIR_TEXT('P', 'U', 'T', ' '):
        case WEIR_TEXT('O', 'P', 'T', 'I'):
        case WEIR_TEXT('D', 'E', 'L', 'E'):
        case WEIR_TEXT('C', 'O', 'N', 'N'): return WEIR_APPLICATION_HTTP;
        case WEIR_TEXT('S', 'S', 'H', '-'): return WEIR_APPLICATION_SSH;
    }
    switch (port) {
        case 20:
        case 21: return WEIR_APPLICATION_FTP;
        case 22: return WEIR_APPLICATION_SSH;
        case 23: return WEIR_APPLICATION_TELNET;
        case 25:
        case 587: return WEIR_APPLICATION_SMTP;
        case 53: return WEIR_APPLICATION_DNS;
    }
    return WEIR_APPLICATION_DATA;
}

static __always_inline enum weir_application weir_application_udp(__u16 port, __u16 other)
{
    switch (port) {
        case 53: return WEIR_APPLICATION_DNS;
        case 67:
        case 68: return WEIR_APPLICATION_DHCP;
        case 123: return WEIR_APPLICATION_NTP;
        case 137: return WEIR_APPLICATION_NBNS;
        case 161:
        case 162: return WEIR_APPLICATION_SNMP;
        case 443: return WEIR_APPLICATION_QUIC;
        case 3478: return WEIR_APPLICATION_STUN;
    }
    if (port == 1900 || other == 1900)
        return WEIR_APPLICATION_SSDP;
    if (port == 5353 || other == 5353)
        return WEIR_APPLICATION_MDNS;
    return WEIR_APPLICATION_DATA;
}

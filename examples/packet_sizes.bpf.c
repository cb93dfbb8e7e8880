/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* packet_sizes: how long the frames of a window are, of every protocol: with the Ethernet header
 * and the VLAN tags, without the checksum at the end. On xdp each frame is one; on tc the kernel
 * joins and cuts frames elsewhere, and what it calls one packet counts as one. In a replay: the
 * bytes that the capture kept. */
#include <weir/probe.h>

enum bytes {
    UP_TO_63,
    FROM_64,
    FROM_128,
    FROM_256,
    FROM_512,
    FROM_1024,
    FROM_1519, /* more than 1500 bytes behind an Ethernet header and a tag */
    SIZES,
};

struct seen {
    __u64 packets;
    __u64 bytes;
};

WEIR_WINDOW_MAP(sizes, enum bytes, struct seen, SIZES); /* a row for each: it is never full */

WEIR_PROBE(packet_sizes) {
    __u32 bytes = weir_frame_bytes(p);
    enum bytes size = bytes < 64     ? UP_TO_63
                      : bytes < 128  ? FROM_64
                      : bytes < 256  ? FROM_128
                      : bytes < 512  ? FROM_256
                      : bytes < 1024 ? FROM_512
                      : bytes < 1519 ? FROM_1024
                                     : FROM_1519;
    struct seen* seen = weir_window_get(&sizes, &size);
    if (seen) {
        seen->packets += 1; /* each CPU has its own */
        seen->bytes += bytes;
    }
    return WEIR_PASS;
}

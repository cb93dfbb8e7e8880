/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* For a handle_rx(ctx, md) in the manner of Polycube: packet metadata and logging under its names; header
 * structs are the source's own, but those of Ethernet, which Polycube's own wrapper includes. */
#include <linux/if_ether.h>
#include <linux/if_packet.h>

struct pkt_metadata {
    u16 module_index;
    u16 in_port;
    u32 packet_len;
    u32 traffic_class;
};

/* Levels as syslog has them; what is less urgent than LOG_LEVEL is left out by the compiler. Formats are
 * those of the kernel: %I, %M and %P of Polycube's own are refused when the probe is loaded. */
enum { LOG_CRITICAL = 2, LOG_ERR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG, LOG_TRACE };
#ifndef LOG_LEVEL
#define LOG_LEVEL LOG_INFO
#endif
#define pcn_log(ctx, level, format, ...)                                 \
    ({                                                                   \
        if ((level) <= LOG_LEVEL)                                        \
            weir_send_log(weir_bcc_level(level), format, ##__VA_ARGS__); \
    })

static __always_inline u32 weir_bcc_level(int level)
{
    return level <= LOG_CRITICAL ? WEIR_CRITICAL
           : level == LOG_ERR    ? WEIR_ERROR
           : level == LOG_WARN   ? WEIR_WARNING
           : level <= LOG_INFO   ? WEIR_INFO
                                 : WEIR_DEBUG;
}

/* A verdict: the extractor's on_packet() gets the packet's first bytes, and nobody else gets the packet. */
#define pcn_pkt_controller(ctx, md, reason) (weir_punt_context(ctx, WEIR_COPY_BYTES), RX_DROP)

static __always_inline struct pkt_metadata weir_bcc_metadata(WEIR_CONTEXT *ctx)
{
    u64 length = WEIR_BCC_LENGTH(ctx);
    /* VERIFIER: subtracted here, not where it is used: pointers may not be kept in 32 bits until then. */
    asm volatile("" : "+r"(length));
    return (struct pkt_metadata){
        .in_port = WEIR_BCC_INTERFACE(ctx),
        .packet_len = length,
    };
}

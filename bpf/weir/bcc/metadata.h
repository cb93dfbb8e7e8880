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

/* Levels as syslog has them; what is less urgent than LOG_INFO is left out by the compiler. */
enum { LOG_CRITICAL = 2, LOG_ERR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG, LOG_TRACE };
#define pcn_log(ctx, level, format, ...)             \
    ({                                               \
        if ((level) <= LOG_INFO)                     \
            bpf_trace_printk(format, ##__VA_ARGS__); \
    })

static __always_inline struct pkt_metadata weir_bcc_metadata(WEIR_CONTEXT *ctx)
{
    return (struct pkt_metadata){
        .in_port = WEIR_BCC_INTERFACE(ctx),
        .packet_len = WEIR_BCC_LENGTH(ctx),
    };
}

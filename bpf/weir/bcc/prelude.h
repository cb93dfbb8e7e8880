/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* BCC's dialect of C for plain clang: stands before the author's source in the translation unit that weir
 * generates, so that a source written for BCC compiles as it is. Nothing rewrites it: a map is a struct of
 * methods that the compiler folds away (maps.h), everything else is names.
 *
 *     #include <weir/bcc/prelude.h>
 *     #include "author.c"
 *     #include <weir/entry.h>
 *     WEIR_WRAP(handle_rx)            or  WEIR_WRAP_BCC_HANDLER(handler)
 *
 * Defined before it, by how the entry function looks:
 *     WEIR_BCC_HANDLER    handler(ctx, md): packet metadata, header structs, logging (handler.h)
 *     WEIR_BCC_METADATA   handle_rx(ctx, md): packet metadata only (metadata.h)
 *     neither             f(ctx): the source brings its own structs, under any name, and finds none here
 * and, as their maps are there only for those who use them:
 *     WEIR_BCC_LOGS       it calls dp_log() or pcn_log()
 *     WEIR_BCC_PUNTS      it calls pkt_to_controller() or pcn_pkt_controller() */

/* BCC compiles with -w. These are what its sources are full of and no mistake of their authors. */
#pragma clang diagnostic ignored "-Wunknown-attributes"
#pragma clang diagnostic ignored "-Wmacro-redefined"
#pragma clang diagnostic ignored "-Wgnu-folding-constant"
#pragma clang diagnostic ignored "-Wunused-variable"
#pragma clang diagnostic ignored "-Wunused-function"
#pragma clang diagnostic ignored "-Wunused-but-set-variable"
#pragma clang diagnostic ignored "-Wmisleading-indentation"
#pragma clang diagnostic ignored "-Waddress-of-packed-member"

#include "stdint.h"
#include <stddef.h>
#include <stdbool.h>
#include <asm/byteorder.h> /* __LITTLE_ENDIAN_BITFIELD, which copies of the kernel's headers ask for */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "../abi.h"
#include "../hook.h"
#include "../foreign_clock.h"

char weir_bcc_license[] SEC("license") = "GPL"; /* as BCC sets it */

#include "names.h"
#include "maps.h"
#include "other_maps.h"
#include "socket_maps.h"
#include "refused.h"
#ifdef WEIR_BCC_LOGS
#include "../log.h"
#endif
#ifdef WEIR_BCC_PUNTS
#include "../punt.h"
#endif

/* Of the packet at hand, for packet metadata. */
#ifdef WEIR_HOOK_TC
#define WEIR_BCC_INTERFACE(ctx) ((ctx)->ifindex)
#define WEIR_BCC_LENGTH(ctx) ((ctx)->len + ((ctx)->vlan_present ? 4 : 0))
#else
#define WEIR_BCC_INTERFACE(ctx) ((ctx)->ingress_ifindex)
#define WEIR_BCC_LENGTH(ctx) ((u64)(ctx)->data_end - (u64)(ctx)->data)
#endif
#if defined(WEIR_BCC_HANDLER)
#include "handler.h"
#elif defined(WEIR_BCC_METADATA)
#include "metadata.h"
#endif

/* For f(ctx, md); both of the last two headers have their struct pkt_metadata and how it is filled. */
#define WEIR_WRAP_BCC_HANDLER(function)                           \
    static __always_inline int weir_bcc_handle(WEIR_CONTEXT *ctx) \
    {                                                             \
        struct pkt_metadata metadata = weir_bcc_metadata(ctx);    \
        return function(ctx, &metadata);                          \
    }                                                             \
    WEIR_WRAP(weir_bcc_handle)

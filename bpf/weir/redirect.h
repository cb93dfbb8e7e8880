/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Sends packets out of another interface, by its name.
 *
 *     #include <weir/probe.h>
 *     #include <weir/redirect.h>
 *     WEIR_PROBE(aside) {
 *         return weir_parse_ipv6(p) ? weir_redirect(p, "eth1") : WEIR_PASS;
 *     }
 *
 * The name is looked up when the probe is loaded, and again when an interface of that name comes or goes. As
 * long as there is none the packet passes, and is counted (`redirects.lost` in the window's health). */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "counts.h"

/* A verdict: return weir_redirect(p, "eth1"). `x`: the packet, or a program's context. */
#define weir_redirect(x, interface) ((void)(x), weir_redirect_or(WEIR_PASS, interface))

/* `pass`: the verdict without the interface. */
#define weir_redirect_or(pass, interface)                                                      \
    ({                                                                                         \
        _Static_assert(sizeof(interface) <= WEIR_INTERFACE_BYTES,                              \
                       "the name of an interface has 15 characters at most");                  \
        static volatile struct weir_redirect_target weir_target SEC(WEIR_REDIRECT_SECTION) = { \
            .name = interface};                                                                \
        __u32 weir_interface = weir_target.ifindex;                                            \
        int weir_redirected = pass;                                                            \
        if (weir_interface)                                                                    \
            weir_redirected = bpf_redirect(weir_interface, 0);                                 \
        else                                                                                   \
            weir_count(redirects_lost);                                                        \
        weir_redirected;                                                                       \
    })

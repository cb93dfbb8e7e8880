/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What differs between the hooks. A probe is compiled for xdp, or with -DWEIR_HOOK_TC=1 for tc, ingress and
 * egress; -DWEIR_HOOK_EGRESS=1 beside it where its object is for egress alone. Like entry.h it stands behind
 * foreign code: no includes, and numbers of the kernel's ABI instead of its names. */

/* What a tc chain says at its end: nothing, so that a program of somebody else's behind it is asked next. */
#define WEIR_TC_NEXT -1 /* TCX_NEXT, TC_ACT_UNSPEC */

#ifdef WEIR_HOOK_TC
#define WEIR_CONTEXT struct __sk_buff
#else
#define WEIR_CONTEXT struct xdp_md
#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* A kernel-internal header: sources that run on packets include it and use little of it. */
#include <linux/if_ether.h>
#include <linux/in.h>
struct sk_buff;

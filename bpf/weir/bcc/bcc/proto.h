/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* BCC's packet structs are read through the skb by its compiler (cursor_advance, refused.h), hence they are
 * not here: only the constants that sources take along. */
#include <linux/if_ether.h>
#include <linux/in.h>

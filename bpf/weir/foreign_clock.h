/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Stands before a source that was not written for weir: what it takes for the kernel's clock is the
 * capture's in a replay. The macros take a call alone: the declarations in bpf_helper_defs.h, where no
 * parenthesis follows the name, stay as they are. */
#include "clock.h"

#define bpf_ktime_get_ns() weir_now()
#define bpf_ktime_get_coarse_ns() weir_now_coarse()

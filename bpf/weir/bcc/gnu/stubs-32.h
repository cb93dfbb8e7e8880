/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The C library's headers ask for this file where the target is none that they know. It lists functions
 * that are missing from the library: nothing to a BPF program. */

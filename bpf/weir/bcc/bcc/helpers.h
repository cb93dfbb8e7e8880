/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* All of it is in weir/bcc/prelude.h, which stands before every source. */

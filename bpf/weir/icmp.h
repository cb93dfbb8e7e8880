/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* <linux/icmp.h> without what it drags in: linux/if.h, and by that the C library's sockets, which need
 * 32-bit headers that most machines lack when the target is BPF. */
#ifdef _LINUX_IF_H
#include <linux/icmp.h>
#else
#define _LINUX_IF_H
#ifndef IFNAMSIZ
#define IFNAMSIZ 16 /* all that it uses of linux/if.h */
#endif
#include <linux/icmp.h>
#undef _LINUX_IF_H
#endif

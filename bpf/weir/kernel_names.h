/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Names of the kernel's own headers, for sources that were written to be compiled inside its tree (its
 * samples are): weir puts this in front of a source that does not compile for the lack of them. A source that
 * includes <vmlinux.h> or defines them itself never gets here. */
#include "kernel_types.h"
#include <stdbool.h>
#include <stddef.h>
#include <asm/byteorder.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>

/* Marks for other tools. */
#define __force
#define __user
#define __rcu
#define __init
#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif
#ifndef __always_unused
#define __always_unused __attribute__((unused))
#endif

#ifndef htons
#define htons(value) __cpu_to_be16(value)
#define ntohs(value) __be16_to_cpu(value)
#define htonl(value) __cpu_to_be32(value)
#define ntohl(value) __be32_to_cpu(value)
#endif
#ifndef cpu_to_be16
#define cpu_to_be16(value) __cpu_to_be16(value)
#define cpu_to_be32(value) __cpu_to_be32(value)
#define cpu_to_be64(value) __cpu_to_be64(value)
#define be16_to_cpu(value) __be16_to_cpu(value)
#define be32_to_cpu(value) __be32_to_cpu(value)
#define be64_to_cpu(value) __be64_to_cpu(value)
#endif
#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif
#ifndef likely
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#ifndef memcpy
#define memcpy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define memset(to, value, bytes) __builtin_memset(to, value, bytes)
#define memmove(to, from, bytes) __builtin_memmove(to, from, bytes)
#endif

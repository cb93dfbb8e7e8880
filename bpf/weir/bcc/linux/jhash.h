/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* The kernel's jhash() by name. Bob Jenkins' lookup3 (public domain, 2006), for keys whose length is a
 * constant and a multiple of 4, and the fixed forms of 1 to 3 words. */
#include <linux/types.h>

#define JHASH_INITVAL 0xdeadbeef

static inline __attribute__((always_inline)) __u32 weir_rotate(__u32 word, __u32 by)
{
    return word << by | word >> (32 - by);
}

/* clang-format off */
#define __jhash_mix(a, b, c)                            \
    {                                                   \
        a -= c; a ^= weir_rotate(c, 4);  c += b;        \
        b -= a; b ^= weir_rotate(a, 6);  a += c;        \
        c -= b; c ^= weir_rotate(b, 8);  b += a;        \
        a -= c; a ^= weir_rotate(c, 16); c += b;        \
        b -= a; b ^= weir_rotate(a, 19); a += c;        \
        c -= b; c ^= weir_rotate(b, 4);  b += a;        \
    }
#define __jhash_final(a, b, c)                          \
    {                                                   \
        c ^= b; c -= weir_rotate(b, 14);                \
        a ^= c; a -= weir_rotate(c, 11);                \
        b ^= a; b -= weir_rotate(a, 25);                \
        c ^= b; c -= weir_rotate(b, 16);                \
        a ^= c; a -= weir_rotate(c, 4);                 \
        b ^= a; b -= weir_rotate(a, 14);                \
        c ^= b; c -= weir_rotate(b, 24);                \
    }
/* clang-format on */

static inline __attribute__((always_inline)) __u32 jhash2(const __u32 *words, __u32 length, __u32 seed)
{
    __u32 a = JHASH_INITVAL + (length << 2) + seed, b = a, c = a;
    while (length > 3) {
        a += words[0];
        b += words[1];
        c += words[2];
        __jhash_mix(a, b, c);
        length -= 3;
        words += 3;
    }
    if (length > 2)
        c += words[2];
    if (length > 1)
        b += words[1];
    if (length > 0) {
        a += words[0];
        __jhash_final(a, b, c);
    }
    return c;
}

static inline __attribute__((always_inline)) __u32 jhash(const void *key, __u32 bytes, __u32 seed)
{
    return jhash2(key, bytes / 4, seed);
}

static inline __attribute__((always_inline)) __u32 jhash_3words(__u32 a, __u32 b, __u32 c, __u32 seed)
{
    __u32 words[3] = {a, b, c};
    return jhash2(words, 3, seed);
}

static inline __attribute__((always_inline)) __u32 jhash_2words(__u32 a, __u32 b, __u32 seed)
{
    __u32 words[2] = {a, b};
    return jhash2(words, 2, seed);
}

static inline __attribute__((always_inline)) __u32 jhash_1word(__u32 a, __u32 seed)
{
    return jhash2(&a, 1, seed);
}

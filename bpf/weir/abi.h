/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* What probes, the pivot and user space agree on. Included by BPF C (also by foreign translation units,
 * hence no includes, no kernel types and only weir_ names) and by C++.
 *
 * The generation word: bit i says which clone of slot i packets enter now, bits 56 to 61 how many slots the
 * chain has, bit 63 which bank of the program array holds it. One store of it flips every probe of the
 * chain between two packets. */

typedef unsigned int weir_u32;
typedef unsigned long long weir_u64;

#define WEIR_ABI_VERSION 6
#define WEIR_MAX_SLOTS 32 /* the kernel runs 33 tail calls at most: pivot -> 32 slots, one to spare */
/* Each clone has a counter of its own; twice as many as clones, so that the probes of a change are counted
 * while the last windows of those that they replace are still read: 4 * WEIR_MAX_SLOTS. */
#define WEIR_COUNTERS 128
#define WEIR_BANK_BIT 63
#define WEIR_LENGTH_SHIFT 56
#define WEIR_LENGTH(word) ((word) >> WEIR_LENGTH_SHIFT & 63)

/* Entries of the program array: [bank][slot][clone]. */
#define WEIR_BANK_ENTRIES (WEIR_MAX_SLOTS * 2)
#define WEIR_CHAIN_ENTRIES (2 * WEIR_BANK_ENTRIES)
#define WEIR_CHAIN_INDEX(bank, slot, clone) ((bank) * WEIR_BANK_ENTRIES + (slot) * 2 + (clone))

/* What is another number in each clone stands in the instructions of its wrapper, where reading it costs
 * nothing; pages of constants, one for each clone, compete for one set of the L1 cache (docs/bench.md). The
 * loader looks for these 64-bit immediates and puts the numbers there. */
#define WEIR_NEXT_SLOT 0x7765697200000001ULL  /* the slot behind the clone's own */
#define WEIR_OWN_COUNTS 0x7765697200000002ULL /* the offset of its struct weir_counts in struct weir_cpu */

/* What becomes of a packet in a probe with a flow tensor; every packet has one. */
enum weir_outcome {
    WEIR_IGNORED,   /* not this probe's traffic */
    WEIR_RECORDED,  /* among the first packets of its flow: its features are in the tensor */
    WEIR_BEYOND,    /* a later packet of its flow: counted there */
    WEIR_UNTRACKED, /* of a flow for which there was no room */
    WEIR_OUTCOMES
};

/* What is counted of a clone, by its wrapper. Never cleared: a window is the difference between two readings,
 * each made while no packet enters the clone. */
struct weir_counts {
    weir_u64 entered;                /* packets that entered the probe */
    weir_u64 outcome[WEIR_OUTCOMES]; /* probes with a flow tensor: what became of each of them */
    weir_u64 copies_lost;            /* punt.h: packets for whose copy the ring had no room */
    weir_u64 copies_cut;             /* punt.h: packets longer than their copy */
    weir_u64 logs_lost;              /* log.h: messages beyond the rate, or for which the ring had no room */
    weir_u64 redirects_lost;         /* redirect.h: packets whose interface was not there */
};

/* A packet in the ring weir_copies (punt.h). */
#define WEIR_COPY_BYTES 256
struct weir_packet_copy {
    weir_u64 time;   /* weir_now() */
    weir_u32 length; /* of the frame; of one in several buffers: of the first */
    weir_u32 copied; /* of it, in data */
    unsigned char data[WEIR_COPY_BYTES];
};

/* How urgent a message is (log.h): numbers as in Python's logging. */
enum weir_level { WEIR_DEBUG = 10, WEIR_INFO = 20, WEIR_WARNING = 30, WEIR_ERROR = 40, WEIR_CRITICAL = 50 };

/* The maps of log.h: one for both clones. */
#define WEIR_LOG_MAPS "weir_log" /* how their names begin */
/* A message in the ring weir_logs. */
#define WEIR_LOG_BYTES 200
struct weir_log_record {
    weir_u64 time; /* weir_now() */
    weir_u32 cpu;
    weir_u32 level;
    weir_u32 length; /* of the text, without the zero at its end */
    char text[WEIR_LOG_BYTES + 4];
};

/* Where a use of weir_redirect() sends packets (redirect.h): a variable in this section, which user space
 * fills in. */
#define WEIR_REDIRECT_SECTION ".data.redirect.weir"
#define WEIR_INTERFACE_BYTES 16 /* IFNAMSIZ */
struct weir_redirect_target {
    char name[WEIR_INTERFACE_BYTES];
    weir_u32 ifindex; /* 0: there is no interface of that name */
};

/* What a hook keeps per CPU: one map lookup gives a program all it needs. */
struct weir_cpu {
    weir_u64 word;   /* the generation word by which the packet at hand goes */
    weir_u64 misses; /* tail calls that found no program where the word says there is one; never cleared */
    struct weir_counts counts[WEIR_COUNTERS]; /* by counter, of which each clone has its own */
};

/* Attributes on maps travel as BTF declaration tags. */
#define WEIR_TAG_WINDOW "weir:window"
#define WEIR_TAG_PERSIST "weir:persist"
#define WEIR_TAG_EXPORT "weir:export"
#define WEIR_TAG_HIDE "weir:hide"
#define WEIR_TAG_DIALECT "weir:attributes " /* followed by the list of __attributes__(...) */
#define WEIR_TAG_INNER "weir:inner "        /* on a map of maps: followed by the name of the inner map */
#define WEIR_TAG_PIN "weir:pin "            /* followed by the path at which BCC would pin the map */
#define WEIR_TAG_FEATURE \
    "weir:feature " /* on a member: followed by its unit and, behind "; ", its encoding */
#define WEIR_TAG_FLOW_TENSOR "weir:flow_tensor" /* on a map that flow.h made */
#define WEIR_FLOW_HEADS "weir_heads_"           /* before its name: the map of its heads */

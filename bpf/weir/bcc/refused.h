/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once
/* Names of BCC that weir cannot honour, each with the reason: using one is an error at its line, declaring
 * nothing here keeps a source that does not use them compiling. */

#define WEIR_BCC_UNAVAILABLE(reason) __attribute__((unavailable("weir: " reason)))

#define WEIR_BCC_NO_SKB "is for the skb, through a rewriter of BCC's; use ctx->data and ctx->data_end"
extern void *weir_refused_cursor_advance(void) WEIR_BCC_UNAVAILABLE("cursor_advance() " WEIR_BCC_NO_SKB);
extern int weir_refused_dext(void) WEIR_BCC_UNAVAILABLE("bpf_dext_pkt() " WEIR_BCC_NO_SKB);
extern int weir_refused_dins(void) WEIR_BCC_UNAVAILABLE("bpf_dins_pkt() " WEIR_BCC_NO_SKB);
extern int weir_refused_l3(void)
    WEIR_BCC_UNAVAILABLE("incr_cksum_l3() needs BCC's rewriter; use bpf_l3_csum_replace() on tc");
extern int weir_refused_l4(void)
    WEIR_BCC_UNAVAILABLE("incr_cksum_l4() needs BCC's rewriter; use bpf_l4_csum_replace() on tc");
#define cursor_advance(...) weir_refused_cursor_advance()
#define bpf_dext_pkt(...) weir_refused_dext()
#define bpf_dins_pkt(...) weir_refused_dins()
#define incr_cksum_l3(...) weir_refused_l3()
#define incr_cksum_l4(...) weir_refused_l4()

extern int weir_refused_cpus(void)
    WEIR_BCC_UNAVAILABLE("bpf_num_cpus() is a constant of BCC's compiler; use bpf_get_smp_processor_id()");
#define bpf_num_cpus(...) weir_refused_cpus()

/* Programs for other hooks: the macro heads a function, hence a failed assertion and a head without use. */
#define WEIR_BCC_TRACING(macro)                                                                    \
    _Static_assert(0, "weir: " macro " is for tracing; weir runs programs on network interfaces"); \
    static __attribute__((unused)) int WEIR_BCC_UNIQUE(weir_refused_, __COUNTER__)(void *ctx)
#define WEIR_BCC_UNIQUE(prefix, number) WEIR_BCC_PASTE(prefix, number)
#define WEIR_BCC_PASTE(prefix, number) prefix##number
#define TRACEPOINT_PROBE(...) WEIR_BCC_TRACING("TRACEPOINT_PROBE")
#define RAW_TRACEPOINT_PROBE(...) WEIR_BCC_TRACING("RAW_TRACEPOINT_PROBE")
#define KFUNC_PROBE(...) WEIR_BCC_TRACING("KFUNC_PROBE")
#define KRETFUNC_PROBE(...) WEIR_BCC_TRACING("KRETFUNC_PROBE")
#define KMOD_RET(...) WEIR_BCC_TRACING("KMOD_RET")
#define MODULE_KFUNC_PROBE(...) WEIR_BCC_TRACING("MODULE_KFUNC_PROBE")
#define MODULE_KRETFUNC_PROBE(...) WEIR_BCC_TRACING("MODULE_KRETFUNC_PROBE")
#define LSM_PROBE(...) WEIR_BCC_TRACING("LSM_PROBE")
#define BPF_ITER(...) WEIR_BCC_TRACING("BPF_ITER")

extern unsigned long weir_refused_regs(void)
    WEIR_BCC_UNAVAILABLE("PT_REGS_* are for tracing; weir runs programs on network interfaces");
extern int weir_refused_usdt(void)
    WEIR_BCC_UNAVAILABLE("bpf_usdt_readarg() is for tracing; weir runs programs on network interfaces");
#define PT_REGS_PARM1(...) weir_refused_regs()
#define PT_REGS_PARM2(...) weir_refused_regs()
#define PT_REGS_PARM3(...) weir_refused_regs()
#define PT_REGS_PARM4(...) weir_refused_regs()
#define PT_REGS_PARM5(...) weir_refused_regs()
#define PT_REGS_PARM6(...) weir_refused_regs()
#define PT_REGS_RET(...) weir_refused_regs()
#define PT_REGS_FP(...) weir_refused_regs()
#define PT_REGS_RC(...) weir_refused_regs()
#define PT_REGS_SP(...) weir_refused_regs()
#define PT_REGS_IP(...) weir_refused_regs()
#define bpf_usdt_readarg(...) weir_refused_usdt()
#define bpf_usdt_readarg_p(...) weir_refused_usdt()

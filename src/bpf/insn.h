// SPDX-License-Identifier: Apache-2.0
#pragma once
// Just enough of an assembler to write the feature probes' programs by hand. Immutable values.
// Source: Documentation/bpf/standardization/instruction-set.rst.
#include <linux/bpf.h>

namespace weir::bpf::insn {

constexpr int kLoadImmediate64 = 0x18;  // BPF_LD | BPF_IMM | BPF_DW, the first two of which are 0

constexpr bpf_insn make(int code, int dst, int src, int offset, int immediate) {
    bpf_insn i{};
    i.code = static_cast<__u8>(code);
    i.dst_reg = static_cast<__u8>(dst) & 0xF;
    i.src_reg = static_cast<__u8>(src) & 0xF;
    i.off = static_cast<__s16>(offset);
    i.imm = immediate;
    return i;
}

constexpr bpf_insn set(int dst, int immediate) {
    return make(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, immediate);
}
constexpr bpf_insn copy(int dst, int src) {
    return make(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}
constexpr bpf_insn add(int dst, int immediate) {
    // NOLINTNEXTLINE(misc-redundant-expression): BPF_ADD and BPF_K both are 0
    return make(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, immediate);
}
/// *(u64 *)(base + offset) = immediate
constexpr bpf_insn store64(int base, int offset, int immediate) {
    return make(BPF_ST | BPF_MEM | BPF_DW, base, 0, offset, immediate);
}
/// dst = *(u64 *)(base + offset)
constexpr bpf_insn load64(int dst, int base, int offset) {
    return make(BPF_LDX | BPF_MEM | BPF_DW, dst, base, offset, 0);
}
/// dst = the map behind a descriptor: first half of two, followed by wide_end().
constexpr bpf_insn load_map(int dst, int fd) {
    return make(kLoadImmediate64, dst, BPF_PSEUDO_MAP_FD, 0, fd);
}
constexpr bpf_insn wide_end() { return make(0, 0, 0, 0, 0); }
constexpr bpf_insn call(int helper) { return make(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
constexpr bpf_insn leave() { return make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

}  // namespace weir::bpf::insn

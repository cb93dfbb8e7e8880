// SPDX-License-Identifier: Apache-2.0
#include "bpf/verifier_log.h"

#include <gtest/gtest.h>

#include "bpf/load_error.h"

namespace weir::bpf {
namespace {

/// As libbpf 1.4 hands on what Linux 6.18 says.
constexpr const char* kRejected =
    "libbpf: prog 'unsafe': BPF program load failed: Permission denied\n"
    "libbpf: prog 'unsafe': -- BEGIN PROG LOAD LOG --\n"
    "0: R1=ctx() R10=fp0\n"
    "; void *data = (void *)(long)ctx->data; @ unsafe.c:4\n"
    "0: (61) r1 = *(u32 *)(r1 +0)          ; R1_w=pkt(r=0)\n"
    "; return *(int *)data; @ unsafe.c:5\n"
    "1: (61) r0 = *(u32 *)(r1 +0)\n"
    "invalid access to packet, off=0 size=4, R1(id=0,off=0,r=0)\n"
    "R1 offset is outside of the packet\n"
    "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 "
    "mark_read 0\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'unsafe': failed to load: -13\n"
    "libbpf: failed to load object 'unsafe'\n";

TEST(VerifierLog, ComesDownToTheSourceLineAndTheComplaint) {
    EXPECT_EQ(essence(kRejected),
              "  at: return *(int *)data; @ unsafe.c:5\n"
              "  invalid access to packet, off=0 size=4, R1(id=0,off=0,r=0)\n"
              "  R1 offset is outside of the packet");
}

TEST(VerifierLog, NamesTheInstructionWhereThereIsNoSource) {
    EXPECT_EQ(essence("0: (61) r0 = *(u32 *)(r1 +200)\ninvalid bpf_context access off=200 size=4\n"
                      "processed 1 insns (limit 1000000)\n"),
              "  at: 0: (61) r0 = *(u32 *)(r1 +200)\n  invalid bpf_context access off=200 size=4");
}

TEST(VerifierLog, ForgetsWhatWasSaidOfLinesThatPassed) {
    EXPECT_EQ(essence("; first @ a.c:1\nfrom 3 to 5: R0=0\nsome remark\n; second @ a.c:2\n"
                      "7: (95) exit\nR0 !read_ok\n"),
              "  at: second @ a.c:2\n  R0 !read_ok");
}

TEST(VerifierLog, TakesTheLastProgramOfSeveral) {
    const std::string first =
        "-- BEGIN PROG LOAD LOG --\n; fine @ a.c:1\n-- END PROG LOAD LOG --\n";
    EXPECT_EQ(essence(first + kRejected), essence(kRejected));
}

TEST(VerifierLog, OfNothingIsNothing) {
    EXPECT_EQ(essence(""), "");
    EXPECT_EQ(essence("processed 0 insns (limit 1000000)"), "");
}

TEST(VerifierLog, ThatIsCutOffStillHasItsComplaint) {
    EXPECT_EQ(essence("-- BEGIN PROG LOAD LOG --\n; x @ a.c:9\n1: (95) exit\nR0 !read_ok"),
              "  at: x @ a.c:9\n  R0 !read_ok");
}

TEST(LoadError, IsARejectionWithTheEssenceAndTheWholeLog) {
    const Error error = load_error(EACCES, kRejected);
    EXPECT_EQ(error.code, Errc::Rejected);
    EXPECT_EQ(error.message, "the kernel's verifier rejects unsafe:\n" + essence(kRejected));
    EXPECT_EQ(error.log, kRejected);
    EXPECT_EQ(error.hint, "--verbose prints the whole log");
}

TEST(LoadError, WithoutAVerdictIsWhatTheErrnoSays) {
    const Error error = load_error(EPERM, "libbpf: one\nlibbpf: map 'm': failed to create\n");
    EXPECT_EQ(error.code, Errc::Permission);
    EXPECT_EQ(error.message, "load: EPERM: map 'm': failed to create");
    EXPECT_EQ(load_error(ENOMEM, "").message, "load: ENOMEM");
    EXPECT_EQ(load_error(ENOMEM, "").code, Errc::Io);
}

}  // namespace
}  // namespace weir::bpf

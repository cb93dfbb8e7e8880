// SPDX-License-Identifier: Apache-2.0
// A program on a tc hook by both ways, in a network namespace of the test's own. What is left is
// asked of tc, not of weir. What is clsact's alone: clsact.cpp.
#include "bpf/tc_link.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <tuple>

#include "bpf/hook_link.h"
#include "support/private_namespace.h"
#include "support/tc_program.h"

namespace weir::bpf {
namespace {

using test::send_frames;
using test::TcProgram;

constexpr unsigned kFrames = 200;

class TcLinkTest : public test::NamespaceTest,
                   public ::testing::WithParamInterface<std::tuple<const char*, Hook>> {
protected:
    void SetUp() override {
        NamespaceTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        if (way() == "clsact") ::setenv("WEIR_DISABLE", "tcx", 1);  // NOLINT(concurrency-mt-unsafe)
        ip({"link", "set", "v0", "up"});
        ip({"link", "set", "v1", "up"});
    }
    void TearDown() override {
        ::unsetenv("WEIR_DISABLE");  // NOLINT(concurrency-mt-unsafe)
        NamespaceTest::TearDown();
    }

    static std::string way() { return std::get<0>(GetParam()); }
    static Hook hook() { return std::get<1>(GetParam()); }

    static Result<TcLink> attach(const TcProgram& program) {
        return TcLink::attach(program.program(), index_of("v0"), hook());
    }
    /// Frames that pass the hook of v0.
    static void send(unsigned frames) {
        send_frames(index_of(hook() == Hook::TcEgress ? "v0" : "v1"), frames);
    }
    /// Frames on the other hook, which no program sees.
    static void send_the_other_way(unsigned frames) {
        send_frames(index_of(hook() == Hook::TcEgress ? "v1" : "v0"), frames);
    }
    static std::string left_behind() {
        const auto qdiscs = run_tool("tc", {"qdisc", "show", "dev", "v0"});
        std::string left = qdiscs && qdiscs->out.contains("clsact") ? qdiscs->out : "";
        LIBBPF_OPTS(bpf_prog_query_opts, programs);
        const int type = hook() == Hook::TcEgress ? 47 : 46;  // BPF_TCX_EGRESS, BPF_TCX_INGRESS
        if (bpf_prog_query_opts(number(index_of("v0")), static_cast<bpf_attach_type>(type),
                                &programs) == 0 &&
            programs.count != 0)
            left += fmt::format("{} TCX programs", programs.count);
        return left;
    }
};

TEST_P(TcLinkTest, CountsEveryFrameOfItsHookWhileItLives) {
    const TcProgram counter;
    send(kFrames);
    {
        const auto link = attach(counter);
        ASSERT_TRUE(link) << link.error().message;
        EXPECT_EQ(link->way(), way());
        EXPECT_TRUE(link->is_attached());
        EXPECT_NE(left_behind(), "");
        send_the_other_way(kFrames);
        send(kFrames);
        EXPECT_EQ(counter.wait_for(kFrames), kFrames);
    }
    EXPECT_EQ(left_behind(), "");
    send(kFrames);
    const TcProgram after;
    const auto link = attach(after);
    ASSERT_TRUE(link) << link.error().message;
    send(kFrames);
    EXPECT_GE(after.wait_for(kFrames), kFrames);  // what was under way before may come too
    EXPECT_EQ(counter.frames(), kFrames);
}

TEST_P(TcLinkTest, GoesBehindThoseThatAreThereAndOnToThoseThatCome) {
    const TcProgram first;
    const TcProgram dropping(test::kDrop);
    const TcProgram third;
    auto a = attach(first);
    auto b = attach(dropping);
    const auto c = attach(third);
    ASSERT_TRUE(a && b && c);
    send(kFrames);
    EXPECT_EQ(first.wait_for(kFrames), kFrames);
    EXPECT_EQ(dropping.wait_for(kFrames), kFrames);
    EXPECT_EQ(third.frames(), 0U);
    {
        const TcLink gone = std::move(*b);
    }
    {
        const TcLink gone = std::move(*a);
    }
    EXPECT_TRUE(c->is_attached());
    send(kFrames);
    EXPECT_EQ(third.wait_for(kFrames), kFrames);
    EXPECT_EQ(first.frames(), kFrames);
}

TEST_P(TcLinkTest, IsNoLongerAttachedWhenTheInterfaceHasVanished) {
    const TcProgram counter;
    const auto link = attach(counter);
    ASSERT_TRUE(link) << link.error().message;
    EXPECT_TRUE(link->is_attached());
    ip({"link", "del", "v0"});
    EXPECT_FALSE(link->is_attached());
}

TEST_P(TcLinkTest, StaysWithARenamedInterface) {
    const TcProgram counter;
    {
        const auto link = attach(counter);
        ASSERT_TRUE(link) << link.error().message;
        ip({"link", "set", "v0", "down"});
        ip({"link", "set", "v0", "name", "renamed"});
        EXPECT_TRUE(link->is_attached());
    }
    ip({"link", "set", "renamed", "name", "v0"});
    EXPECT_EQ(left_behind(), "");
}

TEST_P(TcLinkTest, SaysWhatIsWrong) {
    const TcProgram counter;
    const auto nowhere = TcLink::attach(counter.program(), IfIndex{7777}, hook());
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::NotFound) << nowhere.error().message;

    const std::array<bpf_insn, 2> code{{
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_0,
         .src_reg = 0,
         .off = 0,
         .imm = 2},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    }};
    const UniqueFd xdp(
        bpf_prog_load(BPF_PROG_TYPE_XDP, "xdp", "GPL", code.data(), code.size(), nullptr));
    const auto wrong = TcLink::attach({.function = "xdp", .fd = xdp.get()}, index_of("v0"), hook());
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Errc::Invalid) << wrong.error().message;
    EXPECT_EQ(left_behind(), "");
}

TEST_P(TcLinkTest, AChildThatForkedTakesNothingAway) {
    const TcProgram counter;
    auto link = attach(counter);
    ASSERT_TRUE(link) << link.error().message;
    const pid_t child = ::fork();
    if (child == 0) {
        {
            const TcLink copy = std::move(*link);
        }
        ::_exit(0);
    }
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(link->is_attached());
    send(kFrames);
    EXPECT_EQ(counter.wait_for(kFrames), kFrames);
}

TEST_P(TcLinkTest, IsOneOfTheLinksThatAChainMayHold) {
    const TcProgram counter;
    auto made = attach(counter);
    ASSERT_TRUE(made) << made.error().message;
    const HookLink link = std::move(*made);
    EXPECT_TRUE(is_attached(link));
    EXPECT_EQ(bpf::way(link), way());
}

INSTANTIATE_TEST_SUITE_P(Ways, TcLinkTest,
                         ::testing::Combine(::testing::Values("tcx", "clsact"),
                                            ::testing::Values(Hook::TcIngress, Hook::TcEgress)),
                         [](const auto& of) {
                             return fmt::format(
                                 "{}_{}", std::get<0>(of.param),
                                 std::get<1>(of.param) == Hook::TcEgress ? "egress" : "ingress");
                         });

}  // namespace
}  // namespace weir::bpf

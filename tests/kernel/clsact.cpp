// SPDX-License-Identifier: Apache-2.0
// What clsact filters leave, and what they must not take with them. In a network namespace of the
// test's own; what is there is asked of tc.
#include "bpf/clsact.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <thread>

#include "bpf/tc_link.h"
#include "support/private_namespace.h"
#include "support/tc_program.h"

namespace weir::bpf {
namespace {

using test::TcProgram;

/// A child that attaches what it is told, and then does nothing until it is killed.
class Child {
public:
    explicit Child(const std::function<bool()>& attach_and_wait) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        const UniqueFd read_end(ends[0]);
        UniqueFd write_end(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ready_ = write_end.get();
            ::_exit(attach_and_wait() ? 0 : 1);
        }
        write_end = {};
        char ready = 0;
        is_ready_ = ::read(read_end.get(), &ready, 1) == 1;
    }
    ~Child() { reap(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// For the child: tells the parent, and waits.
    static bool wait_to_be_killed() {
        (void)say_ready();
        for (;;) ::pause();
    }
    static bool say_ready() { return ::write(ready_, "+", 1) == 1; }
    [[nodiscard]] bool is_ready() const { return is_ready_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// It has ended then, and nobody has asked how.
    void kill() const {
        ::kill(pid_, SIGKILL);
        siginfo_t how{};
        ::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOWAIT);
    }
    void reap() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

private:
    inline static int ready_ = -1;
    pid_t pid_ = 0;
    bool is_ready_ = false;
};

class ClsactTest : public test::NamespaceTest {
protected:
    static std::string qdiscs() {
        const auto all = run_tool("tc", {"qdisc", "show", "dev", "v0"});
        return all && (all->out.contains("clsact") || all->out.contains("ingress")) ? all->out : "";
    }
    static std::string filters(const char* side) {
        const auto all = run_tool("tc", {"filter", "show", "dev", "v0", side});
        return all ? all->out : "?";
    }
    static Result<ClsactFilter> attach(const TcProgram& program, Hook hook = Hook::TcIngress) {
        return ClsactFilter::attach(program.program(), index_of("v0"), hook);
    }
    static void add_foreign_filter() {
        tc({"filter", "add", "dev", "v0", "ingress", "u32", "match", "u32", "0", "0"});
    }
    /// Of this process, by another reader of the file than weir's.
    static unsigned long long start() {
        unsigned long long start = 0;
        const std::unique_ptr<FILE, int (*)(FILE*)> stat(std::fopen("/proc/self/stat", "re"),
                                                         &std::fclose);
        EXPECT_EQ(std::fscanf(stat.get(),
                              "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
                              "%*d %*d %*d %*d %*d %*d %llu",
                              &start),
                  1);
        return start;
    }
};

TEST_F(ClsactTest, AFilterIsNamedAfterItsProcess) {
    const TcProgram program;
    const auto filter = attach(program);
    ASSERT_TRUE(filter) << filter.error().message;
    EXPECT_TRUE(filters("ingress").contains(fmt::format("weir:{}:{}", ::getpid(), start())))
        << filters("ingress");
    EXPECT_TRUE(filters("ingress").contains("direct-action")) << filters("ingress");
    EXPECT_EQ(filters("egress"), "");
}

TEST_F(ClsactTest, TheQdiscGoesWithTheLastFilterWhicheverThatIs) {
    const TcProgram program;
    auto a = attach(program);
    auto b = attach(program, Hook::TcEgress);
    auto c = attach(program);
    ASSERT_TRUE(a && b && c);
    {
        const ClsactFilter gone = std::move(*a);
    }
    {
        const ClsactFilter gone = std::move(*b);
    }
    EXPECT_NE(qdiscs(), "");
    EXPECT_TRUE(c->is_attached());
    {
        const ClsactFilter gone = std::move(*c);
    }
    EXPECT_EQ(qdiscs(), "");
}

TEST_F(ClsactTest, AForeignQdiscStays) {
    tc({"qdisc", "add", "dev", "v0", "clsact"});
    const TcProgram program;
    {
        const auto filter = attach(program);
        const auto second = attach(program, Hook::TcEgress);
        ASSERT_TRUE(filter && second);
    }
    EXPECT_NE(qdiscs(), "");
    EXPECT_EQ(filters("ingress") + filters("egress"), "");
}

TEST_F(ClsactTest, AForeignFilterStaysAndHoldsTheQdisc) {
    const TcProgram program;
    {
        const auto filter = attach(program);
        ASSERT_TRUE(filter);
        add_foreign_filter();
    }
    EXPECT_NE(qdiscs(), "");
    EXPECT_TRUE(filters("ingress").contains("u32"));
    EXPECT_FALSE(filters("ingress").contains("weir:"));
}

TEST_F(ClsactTest, AnIngressQdiscServesTheHookThatItHas) {
    tc({"qdisc", "add", "dev", "v0", "ingress"});
    const TcProgram program;
    {
        const auto filter = attach(program);
        ASSERT_TRUE(filter) << filter.error().message;
        EXPECT_TRUE(filter->is_attached());
        const auto egress = attach(program, Hook::TcEgress);
        ASSERT_FALSE(egress);
        EXPECT_EQ(egress.error().code, Errc::Busy);
        EXPECT_TRUE(egress.error().message.contains("tc-egress")) << egress.error().message;
    }
    EXPECT_NE(qdiscs(), "");
    const auto left = run_tool("tc", {"filter", "show", "dev", "v0", "parent", "ffff:"});
    ASSERT_TRUE(left);
    EXPECT_EQ(left->out, "");
}

TEST_F(ClsactTest, KnowsWhenSomebodyTookItAway) {
    const TcProgram program;
    const auto filter = attach(program);
    ASSERT_TRUE(filter);
    tc({"filter", "del", "dev", "v0", "ingress"});
    EXPECT_FALSE(filter->is_attached());
    add_foreign_filter();  // not ours to take away
    const auto second = attach(program);
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->is_attached());
    tc({"qdisc", "del", "dev", "v0", "clsact"});
    EXPECT_FALSE(second->is_attached());
}

TEST_F(ClsactTest, NothingIsRemovedWhereNothingIsLeft) {
    const auto lines = remove_dead_filters();
    ASSERT_TRUE(lines) << lines.error().message;
    EXPECT_TRUE(lines->empty());
}

TEST_F(ClsactTest, WhatAKilledProcessLeftIsRemovedWithItsQdisc) {
    const TcProgram program;
    const Child child([&] {
        const auto a = attach(program);
        const auto b = attach(program, Hook::TcEgress);
        return a && b && Child::wait_to_be_killed();
    });
    ASSERT_TRUE(child.is_ready());
    EXPECT_TRUE(remove_dead_filters().value_or(std::vector<std::string>{"?"}).empty())
        << "it lives";
    child.kill();
    EXPECT_TRUE(filters("ingress").contains("weir:"));
    const auto lines = remove_dead_filters();
    ASSERT_TRUE(lines) << lines.error().message;
    const std::string ended = fmt::format("filter of process {}, which has ended", child.pid());
    EXPECT_EQ(*lines, (std::vector{"v0: removed the tc-ingress " + ended,
                                   "v0: removed the tc-egress " + ended}));
    EXPECT_EQ(qdiscs(), "");
}

TEST_F(ClsactTest, TheLivingAndTheForeignKeepWhatIsTheirs) {
    const TcProgram program;
    Child child([&] {
        const auto filter = attach(program);
        return filter && Child::wait_to_be_killed();
    });
    ASSERT_TRUE(child.is_ready());
    {
        const auto ours = attach(program, Hook::TcEgress);
        ASSERT_TRUE(ours);
        child.kill();
        child.reap();
        const auto lines = remove_dead_filters();
        ASSERT_TRUE(lines) << lines.error().message;
        EXPECT_EQ(lines->size(), 1U);
        EXPECT_TRUE(ours->is_attached());
        EXPECT_EQ(filters("ingress"), "");
    }
    EXPECT_EQ(qdiscs(), "") << "the qdisc was the killed one's: we are its heirs";

    tc({"qdisc", "add", "dev", "v0", "clsact"});
    const Child other([&] {
        const auto filter = attach(program);
        return filter && Child::wait_to_be_killed();
    });
    ASSERT_TRUE(other.is_ready());
    other.kill();
    EXPECT_EQ(remove_dead_filters().value_or(std::vector<std::string>{}).size(), 1U);
    EXPECT_EQ(filters("ingress"), "");
    EXPECT_NE(qdiscs(), "") << "somebody else made it";
}

TEST_F(ClsactTest, AProcessMayBeKilledAtAnyMoment) {
    constexpr int kKills = 200;
    const TcProgram program;
    std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same each time
    std::uniform_int_distribution<int> microseconds(0, 2000);
    int left = 0;
    for (int i = 0; i < kKills; ++i) {
        const Child child([&] {
            (void)Child::say_ready();
            for (;;) {
                const auto a = attach(program);
                const auto b = attach(program, Hook::TcEgress);
            }
            return true;
        });
        ASSERT_TRUE(child.is_ready());
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
        child.kill();
        const auto lines = remove_dead_filters();
        ASSERT_TRUE(lines) << lines.error().message;
        left += lines->empty() ? 0 : 1;
        ASSERT_EQ(qdiscs(), "") << "kill " << i;
    }
    EXPECT_GT(left, kKills / 10) << "the test should hit filters";
}

TEST_F(ClsactTest, AKilledProcessLeavesNoTcxLink) {
    const TcProgram program;
    const Child child([&] {
        const auto link = TcLink::attach(program.program(), index_of("v0"), Hook::TcIngress);
        return link && std::string(link->way()) == "tcx" && Child::wait_to_be_killed();
    });
    if (!child.is_ready()) GTEST_SKIP() << "this kernel has no TCX";
    child.kill();
    EXPECT_EQ(qdiscs(), "");
    const TcProgram behind;
    const auto link = TcLink::attach(behind.program(), index_of("v0"), Hook::TcIngress);
    ASSERT_TRUE(link);
    ip({"link", "set", "v0", "up"});
    ip({"link", "set", "v1", "up"});
    test::send_frames(index_of("v1"), 10);
    EXPECT_EQ(behind.wait_for(10), 10U);
    EXPECT_EQ(program.frames(), 0U);
}

}  // namespace
}  // namespace weir::bpf

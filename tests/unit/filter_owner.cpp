// SPDX-License-Identifier: Apache-2.0
#include "bpf/filter_owner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace weir::bpf {
namespace {

/// This process's namespace, any other process.
FilterOwner with_pid(pid_t pid) {
    FilterOwner owner = own_filters();
    owner.pid = pid;
    return owner;
}

TEST(FilterOwner, IsInTheName) {
    EXPECT_EQ(filter_name({.pid = 12, .start = 345}), "weir:12:345");
    EXPECT_EQ(filter_name({.pid = 12, .start = 345, .pid_namespace = 67}), "weir:12:345:67");
    for (const FilterOwner owner :
         {FilterOwner{.pid = 1, .start = 0}, FilterOwner{.pid = 4194304, .start = ~0ULL},
          FilterOwner{.pid = 7, .start = 8, .pid_namespace = 4026532000}})
        EXPECT_EQ(parse_filter_name(filter_name(owner)), owner);
}

TEST(FilterOwner, IsNobodyWhereTheNameIsNotOurs) {
    for (const char* name : {"", "weir", "weir:", "weir:1", "weir::2", "weir:1:", "weir:x:2",
                             "weir:1:2:x", "weir:1:2:3:4", "weir:0:2", "weir:-1:2", "weir:1:2 ",
                             "weir:99999999999999999999:2", "other:1:2", "Weir:1:2"})
        EXPECT_FALSE(parse_filter_name(name)) << name;
}

TEST(FilterOwner, LivesWhileItsProcessDoes) {
    EXPECT_EQ(own_filters().pid, ::getpid());
    EXPECT_GT(own_filters().start, 0U);
    EXPECT_FALSE(is_dead(own_filters()));
    EXPECT_FALSE(is_dead(with_pid(::getpid())));
}

TEST(FilterOwner, IsDeadWhenItsNumberIsAnothers) {
    FilterOwner before = own_filters();
    before.start -= 1;
    EXPECT_TRUE(is_dead(before));
}

TEST(FilterOwner, IsDeadBeforeAndAfterItsParentAsksHowItEnded) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    siginfo_t how{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &how, WEXITED | WNOWAIT), 0);
    EXPECT_TRUE(is_dead(with_pid(pid)));
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_TRUE(is_dead(with_pid(pid)));
}

TEST(FilterOwner, IsNotJudgedFromAnotherPidNamespace) {
    FilterOwner owner = with_pid(4194304);  // above every PID
    EXPECT_TRUE(is_dead(owner));
    owner.pid_namespace += 1;
    EXPECT_FALSE(is_dead(owner));
}

}  // namespace
}  // namespace weir::bpf

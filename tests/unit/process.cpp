// SPDX-License-Identifier: Apache-2.0
#include "util/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

namespace weir {
namespace {

using namespace std::chrono_literals;

Result<ProcessOutput> shell(const std::string& script, std::string_view input = {}) {
    return run_process({.argv = {"/bin/sh", "-c", script}, .input = input});
}

TEST(Process, KeepsBothStreamsApartAndTheStatus) {
    const auto child = shell("echo to-out; echo to-err >&2; exit 7");
    ASSERT_TRUE(child);
    EXPECT_EQ(child->out, "to-out\n");
    EXPECT_EQ(child->err, "to-err\n");
    EXPECT_EQ(child->exit_status, 7);
}

TEST(Process, GivesTheChildItsInputAndThenTheEnd) {
    const auto child = run_process({.argv = {"/bin/cat"}, .input = "one\ntwo"});
    ASSERT_TRUE(child);
    EXPECT_EQ(child->out, "one\ntwo");
}

TEST(Process, GivesAnEmptyInputWhereThereIsNone) {
    const auto child = run_process({.argv = {"/bin/cat"}});
    ASSERT_TRUE(child);
    EXPECT_EQ(child->out, "");
    EXPECT_EQ(child->exit_status, 0);
}

TEST(Process, CarriesMegabytesThroughAllStreamsAtOnce) {
    const std::string input(5'000'000, 'x');
    const auto child = shell("tee /dev/stderr", input);
    ASSERT_TRUE(child);
    EXPECT_EQ(child->out.size(), input.size());
    EXPECT_EQ(child->err.size(), input.size());
}

TEST(Process, EndsWellWhenTheChildReadsNothing) {
    const std::string input(5'000'000, 'x');
    const auto child = run_process({.argv = {"/bin/true"}, .input = input});
    ASSERT_TRUE(child);
    EXPECT_EQ(child->exit_status, 0);
}

TEST(Process, CountsADeathBySignalAsAShellDoes) {
    const auto child = shell("kill -9 $$");
    ASSERT_TRUE(child);
    EXPECT_EQ(child->exit_status, 128 + SIGKILL);
}

TEST(Process, NamesTheProgramThatIsNotThere) {
    const auto child = run_process({.argv = {"/nowhere/clang"}});
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().code, Errc::NotFound);
    EXPECT_EQ(child.error().message, "/nowhere/clang: ENOENT");
}

TEST(Process, NamesTheProgramThatMayNotBeRun) {
    const auto child = run_process({.argv = {"/etc/passwd"}});
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().code, Errc::Permission);
}

TEST(Process, StartsTheChildWithAnEmptySignalMask) {
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto child = shell("grep SigBlk /proc/self/status");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(child);
    EXPECT_EQ(child->out, "SigBlk:\t0000000000000000\n");
}

TEST(Process, HandsNoDescriptorOfOursOn) {
    const int own = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    const auto child = shell("ls -l /proc/$$/fd | grep -c -e memfd: -e /dev/zero");
    ::close(own);
    ASSERT_TRUE(child);
    EXPECT_EQ(child->out, "3\n");  // its stdin, stdout and stderr
}

/// Whether the process is gone or waits to be reaped.
bool is_dead(pid_t pid) {
    const auto state =
        shell("sed 's/.*) //' /proc/" + std::to_string(pid) + "/stat 2>/dev/null | cut -c1");
    return state && (state->out.empty() || state->out == "Z\n");
}

TEST(Process, DiesWithItsParent) {
    std::array<int, 2> pid_pipe = {};
    ASSERT_EQ(::pipe2(pid_pipe.data(), 0), 0);
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        // The grandchild writes its own pid and sleeps for longer than this test may take.
        const std::string fd = std::to_string(pid_pipe[1]);
        const auto never = shell("echo $$ >&" + fd + "; exec sleep 600");
        ::_exit(never ? 0 : 1);
    }
    ::close(pid_pipe[1]);
    std::string digits(16, '\0');
    const ssize_t n = ::read(pid_pipe[0], digits.data(), digits.size());
    ::close(pid_pipe[0]);
    ASSERT_GT(n, 0);
    const pid_t grandchild = std::stoi(digits);
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!is_dead(grandchild) && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_TRUE(is_dead(grandchild));
    ::waitpid(grandchild, nullptr, WNOHANG);  // it became our child when its parent died
}

}  // namespace
}  // namespace weir

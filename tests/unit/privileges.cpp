// SPDX-License-Identifier: Apache-2.0
// What one thread gives up, it alone has given up: so each test drops on a thread, or in a child,
// of its own.
#include "util/privileges.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace weir {
namespace {

std::vector<Capability> missing(CapabilitySet held) { return missing_for_inject(held); }

bool is_privileged() {
    const auto held = effective_capabilities();
    return held && missing(*held).empty() && held->has(Capability::SysAdmin);
}

template <class F>
void on_own_thread(F f) {
    std::thread(f).join();
}

TEST(Privileges, NamesWhatInjectLacks) {
    using enum Capability;
    EXPECT_EQ(missing({}), (std::vector{Bpf, NetAdmin, Perfmon}));
    EXPECT_EQ(missing({Bpf, Perfmon}), std::vector{NetAdmin});
    EXPECT_EQ(missing({Bpf, NetAdmin}), std::vector{Perfmon});
    EXPECT_TRUE(missing({Bpf, NetAdmin, Perfmon}).empty());
}

TEST(Privileges, TakeSysAdminForBpfAndPerfmonButNotForNetAdmin) {
    using enum Capability;
    EXPECT_EQ(missing({SysAdmin}), std::vector{NetAdmin});
    EXPECT_TRUE(missing({SysAdmin, NetAdmin}).empty());
}

TEST(Privileges, UseTheKernelsNumbers) {
    EXPECT_EQ(CapabilitySet({Capability::NetAdmin}).bits(), 0x1000U);
    EXPECT_EQ(CapabilitySet({Capability::Bpf}).bits(), 0x80'0000'0000U);
    EXPECT_TRUE(CapabilitySet::from_bits(0x40'0000'0000U).has(Capability::Perfmon));
    EXPECT_FALSE(CapabilitySet::from_bits(0x40'0000'0000U).has(Capability::Bpf));
}

TEST(Privileges, KeepOnlyWhatIsNamed) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    on_own_thread([] {
        ASSERT_TRUE(keep_only({Capability::Bpf, Capability::NetAdmin, Capability::Perfmon}));
        const auto held = effective_capabilities();
        ASSERT_TRUE(held);
        EXPECT_EQ(
            held->bits(),
            CapabilitySet({Capability::Bpf, Capability::NetAdmin, Capability::Perfmon}).bits());
        EXPECT_TRUE(require_inject_privileges());
    });
}

TEST(Privileges, StayWithTheOtherThreads) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    const auto before = effective_capabilities();
    on_own_thread([] { ASSERT_TRUE(keep_only({})); });
    const auto after = effective_capabilities();
    ASSERT_TRUE(before && after);
    EXPECT_EQ(before->bits(), after->bits());
}

TEST(Privileges, DoNotComeBack) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    on_own_thread([] {
        ASSERT_TRUE(keep_only({Capability::NetAdmin}));
        ASSERT_TRUE(keep_only({Capability::NetAdmin, Capability::Bpf}));
        const auto held = effective_capabilities();
        ASSERT_TRUE(held);
        EXPECT_EQ(held->bits(), CapabilitySet({Capability::NetAdmin}).bits());
    });
}

TEST(Privileges, RefusalNamesWhatIsMissingAndWhatToDo) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    on_own_thread([] {
        ASSERT_TRUE(keep_only({Capability::NetAdmin}));
        const auto allowed = require_inject_privileges();
        ASSERT_FALSE(allowed);
        EXPECT_EQ(allowed.error().code, Errc::Permission);
        EXPECT_EQ(allowed.error().message, "missing privileges: CAP_BPF, CAP_PERFMON");
        EXPECT_TRUE(allowed.error().hint.contains("sudo")) << allowed.error().hint;
    });
}

TEST(Privileges, AreGoneForTheKernelToo) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (!keep_only({})) ::_exit(2);
        ::_exit(::unshare(CLONE_NEWUTS) == 0 ? 1 : 0);  // takes CAP_SYS_ADMIN, harmless with it
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace weir

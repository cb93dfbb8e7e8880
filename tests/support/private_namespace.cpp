// SPDX-License-Identifier: Apache-2.0
#include "support/private_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace weir::test {

void NamespaceTest::SetUp() {
    home_ = UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(home_.is_open());
    if (::unshare(CLONE_NEWNET) != 0) {
        home_ = {};
        GTEST_SKIP() << "needs root: no network namespace";
    }
    ip({"link", "add", "v0", "mtu", "1400", "type", "veth", "peer", "name", "v1"});
}

void NamespaceTest::TearDown() {
    if (home_.is_open()) {
        ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0);
    }
}

Result<ProcessOutput> NamespaceTest::run_tool(const std::string& tool,
                                              std::vector<std::string> words,
                                              std::string_view input) {
    const bool is_in_usr = ::access(("/usr/sbin/" + tool).c_str(), X_OK) == 0;
    words.insert(words.begin(), (is_in_usr ? "/usr/sbin/" : "/sbin/") + tool);
    return run_process({.argv = std::move(words), .input = input});
}

void NamespaceTest::ip(std::vector<std::string> words, std::string_view input) {
    const auto ran = run_tool("ip", std::move(words), input);
    ASSERT_TRUE(ran) << ran.error().message;
    ASSERT_EQ(ran->exit_status, 0) << ran->err;
}

void NamespaceTest::tc(std::vector<std::string> words) {
    const auto ran = run_tool("tc", std::move(words));
    ASSERT_TRUE(ran) << ran.error().message;
    ASSERT_EQ(ran->exit_status, 0) << ran->err;
}

bpf::IfIndex NamespaceTest::index_of(const std::string& name) {
    const auto index = bpf::interface_index(name);
    EXPECT_TRUE(index) << name;
    return index.value_or(bpf::IfIndex{});
}

}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
// Interfaces that come, go and change their name, in a network namespace of the test's own.
#include "bpf/interface_events.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "support/private_namespace.h"

namespace weir::bpf {
namespace {

using Kind = InterfaceEvent::Kind;
using Events = std::vector<InterfaceEvent>;

class InterfaceEventsTest : public test::NamespaceTest {
protected:
    /// What there is to read; the kernel has told of a change when `ip` returns.
    static Events read(InterfaceEvents& events) {
        auto news = events.read();
        EXPECT_TRUE(news) << news.error().message;
        return news.value_or(Events{});
    }
    static std::vector<std::string> names(const InterfaceEvents& events) {
        std::vector<std::string> names;
        for (const Interface& one : events.present()) names.push_back(one.name);
        std::ranges::sort(names);
        return names;
    }
};

TEST_F(InterfaceEventsTest, BeginsWithWhatIsThere) {
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    EXPECT_EQ(names(*events), (std::vector<std::string>{"lo", "v0", "v1"}));
    EXPECT_EQ(read(*events), Events{});
}

TEST_F(InterfaceEventsTest, TellsWhatAppearsAndVanishes) {
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    ip({"link", "add", "w0", "type", "veth", "peer", "name", "w1"});
    pollfd wait{.fd = events->fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&wait, 1, 0), 1);
    const IfIndex w0 = index_of("w0");
    const IfIndex w1 = index_of("w1");
    Events news = read(*events);
    std::ranges::sort(news, {}, &InterfaceEvent::name);
    EXPECT_EQ(news, (Events{{w0, "w0", Kind::Appeared}, {w1, "w1", Kind::Appeared}}));
    ip({"link", "del", "w0"});
    news = read(*events);
    std::ranges::sort(news, {}, &InterfaceEvent::name);
    EXPECT_EQ(news, (Events{{w0, "w0", Kind::Vanished}, {w1, "w1", Kind::Vanished}}));
    EXPECT_EQ(names(*events), (std::vector<std::string>{"lo", "v0", "v1"}));
}

TEST_F(InterfaceEventsTest, ARenameIsBoth) {
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    const IfIndex v0 = index_of("v0");
    ip({"link", "set", "v0", "name", "renamed"});
    EXPECT_EQ(read(*events), (Events{{v0, "v0", Kind::Vanished}, {v0, "renamed", Kind::Appeared}}));
}

TEST_F(InterfaceEventsTest, OtherChangesAreNone) {
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    ip({"link", "set", "v0", "up"});
    ip({"link", "set", "v1", "up", "mtu", "1300"});
    ip({"link", "set", "v0", "down"});
    pollfd wait{.fd = events->fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&wait, 1, 0), 1) << "the changes are seen";
    EXPECT_EQ(read(*events), Events{});
}

TEST_F(InterfaceEventsTest, APortThatLeavesItsBridgeHasNotVanished) {
    const auto made = run_tool("ip", {"link", "add", "b0", "type", "bridge"});
    if (!made || made->exit_status != 0) GTEST_SKIP() << "this kernel has no bridges";
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    ip({"link", "set", "v0", "master", "b0"});
    ip({"link", "set", "v0", "nomaster"});
    EXPECT_EQ(read(*events), Events{});
}

TEST_F(InterfaceEventsTest, AnInterfaceThatMovesAwayVanishesAndComesBack) {
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    const IfIndex v0 = index_of("v0");
    const UniqueFd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const UniqueFd there(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const auto path = [](const UniqueFd& fd) {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd.get());
    };
    ASSERT_EQ(::setns(here.get(), CLONE_NEWNET), 0);
    ip({"link", "set", "v0", "netns", path(there)});
    EXPECT_EQ(read(*events), (Events{{v0, "v0", Kind::Vanished}}));
    ASSERT_EQ(::setns(there.get(), CLONE_NEWNET), 0);
    ip({"link", "set", "v0", "netns", path(here)});
    ASSERT_EQ(::setns(here.get(), CLONE_NEWNET), 0);
    EXPECT_EQ(read(*events), (Events{{index_of("v0"), "v0", Kind::Appeared}}));
}

TEST_F(InterfaceEventsTest, MissesNothingBehindMoreMessagesThanItsSocketHolds) {
    auto events = InterfaceEvents::open();
    ASSERT_TRUE(events);
    const IfIndex v0 = index_of("v0");
    const IfIndex v1 = index_of("v1");
    // 700 changes of about 1.4 kB each, unread, overflow the default receive buffer of 208 KiB.
    std::string batch;
    for (int i = 0; i < 350; ++i) batch += "link set v1 mtu 1300\nlink set v1 mtu 1400\n";
    batch += "link add w0 type veth peer name w1\nlink del w1\n";  // comes and goes: not seen
    batch += "link set v1 name x1\nlink set v0 name v1\n";
    batch += "link add x0 type veth peer name x2\n";
    ip({"-batch", "-"}, batch);
    const Events news = read(*events);
    for (const InterfaceEvent& one : Events{{v0, "v0", Kind::Vanished},
                                            {v1, "v1", Kind::Vanished},
                                            {v0, "v1", Kind::Appeared},
                                            {v1, "x1", Kind::Appeared},
                                            {index_of("x0"), "x0", Kind::Appeared},
                                            {index_of("x2"), "x2", Kind::Appeared}})
        EXPECT_NE(std::ranges::find(news, one), news.end()) << one.name;
    EXPECT_EQ(news.size(), 6U);
    EXPECT_TRUE(std::ranges::is_partitioned(news, [](const InterfaceEvent& one) {
        return one.kind == Kind::Vanished;
    })) << "a name is free before it is another's";
    EXPECT_EQ(names(*events), (std::vector<std::string>{"lo", "v1", "x0", "x1", "x2"}));
    EXPECT_EQ(read(*events), Events{});
}

}  // namespace
}  // namespace weir::bpf

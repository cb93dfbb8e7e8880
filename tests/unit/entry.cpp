// SPDX-License-Identifier: Apache-2.0
// Which program of an object stands in the chain. Objects are opened only, nothing is loaded.
#include "probe/entry.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/live_traffic.h"
#include "util/file.h"

namespace weir {
namespace {

Result<bpf::Object> open(const std::string& fixture) {
    auto elf = read_bytes(test::fixture_path(fixture));
    if (!elf) return pass_on(elf);
    return bpf::Object::open(*elf, "test");
}

Result<ObjectEntry> entry_of(const std::string& fixture, const std::string& program = "",
                             std::optional<Hook> hook = {}) {
    auto object = open(fixture);
    if (!object) return pass_on(object);
    return find_entry(*object, {.program = program, .hook = hook});
}

std::string function_of(const Result<ObjectEntry>& entry) {
    return entry ? entry->function : "error: " + entry.error().message;
}

TEST(Entry, IsTheOnlyXdpProgram) {
    const auto entry = entry_of("entry/one");
    ASSERT_EQ(function_of(entry), "only");
    EXPECT_FALSE(entry->is_wrapped);
    EXPECT_TRUE(entry->notices.empty());
}

TEST(Entry, IsHandleRxBeforeHandler) {
    EXPECT_EQ(function_of(entry_of("entry/handlers")), "handle_rx");
}

TEST(Entry, IsTheOneThatTheCommandLineNames) {
    EXPECT_EQ(function_of(entry_of("entry/several", "second")), "second");
    EXPECT_EQ(function_of(entry_of("entry/handlers", "handler")), "handler");
}

TEST(Entry, IsAskedForWhereSeveralAreLeft) {
    const auto entry = entry_of("entry/several");
    ASSERT_FALSE(entry.has_value());
    EXPECT_EQ(entry.error().code, Errc::Invalid);
    for (const char* candidate : {"first", "second", "third"})
        EXPECT_TRUE(entry.error().message.contains(candidate)) << entry.error().message;
    EXPECT_FALSE(entry.error().message.contains("other_kind")) << entry.error().message;
    EXPECT_TRUE(entry.error().hint.contains("--program")) << entry.error().hint;
}

TEST(Entry, OfANameThatIsNotThereListsWhatIs) {
    const auto entry = entry_of("entry/one", "missing");
    ASSERT_FALSE(entry.has_value());
    EXPECT_EQ(entry.error().code, Errc::Invalid);
    EXPECT_EQ(entry.error().message, "--program missing: no such program");
    EXPECT_TRUE(entry.error().hint.contains("only (SEC(\"xdp\"))")) << entry.error().hint;
}

TEST(Entry, IsNeverAProgramOfAnotherKind) {
    const auto named = entry_of("entry/one", "other_kind", Hook::Xdp);
    ASSERT_FALSE(named.has_value());
    EXPECT_EQ(named.error().message, "--program other_kind: not an XDP program");
    const auto none = entry_of("entry/other_kind", "", Hook::Xdp);
    ASSERT_FALSE(none.has_value());
    EXPECT_EQ(none.error().code, Errc::Invalid);
    EXPECT_EQ(none.error().message, "no XDP program in it, only tc ones: classify (SEC(\"tc\"))");
    EXPECT_EQ(none.error().hint, "--hook tc-ingress");
    const auto xdp = entry_of("entry/one", "only", Hook::TcEgress);
    ASSERT_FALSE(xdp.has_value());
    EXPECT_EQ(xdp.error().message, "--program only: not a tc program");
    EXPECT_FALSE(entry_of("entry/tc_handler", "of_a_cgroup").has_value());
}

TEST(Entry, OfAnObjectForTcSaysSo) {
    const auto entry = entry_of("entry/tc_handler");
    ASSERT_EQ(function_of(entry), "handler");
    EXPECT_EQ(entry->hook, Hook::TcIngress);
    ASSERT_EQ(entry->notices.size(), 1U);
    EXPECT_EQ(entry->notices[0], "handler is a tc program: hook tc-ingress, or --hook tc-egress");
    const auto leaving = entry_of("entry/tc_handler", "leaving", Hook::TcEgress);
    ASSERT_EQ(function_of(leaving), "leaving");
    EXPECT_EQ(leaving->hook, Hook::TcEgress);
    EXPECT_TRUE(leaving->notices.empty());
}

TEST(Entry, OfAnObjectForBothHooksIsTheOneForTheHook) {
    EXPECT_EQ(function_of(entry_of("entry/one")), "only");
    const auto tc = entry_of("entry/one", "", Hook::TcIngress);
    ASSERT_EQ(function_of(tc), "other_kind");
    EXPECT_EQ(tc->hook, Hook::TcIngress);
    EXPECT_EQ(function_of(entry_of("entry/one", "other_kind")), "other_kind");
}

TEST(Entry, OfAnObjectOfOursForTheOtherHookIsRefused) {
    const auto xdp = entry_of("count_sources", "", Hook::TcEgress);
    ASSERT_FALSE(xdp.has_value());
    EXPECT_EQ(xdp.error().code, Errc::Invalid);
    EXPECT_EQ(xdp.error().message, "built with weir's headers for xdp, this is tc-egress");
    const auto tc = entry_of("count_sources.tc", "", Hook::Xdp);
    ASSERT_FALSE(tc.has_value());
    EXPECT_EQ(tc.error().message, "built with weir's headers for tc, this is xdp");
    EXPECT_EQ(tc.error().hint, "compile it without -DWEIR_HOOK_TC");
    EXPECT_EQ(entry_of("count_sources.tc", "", Hook::TcEgress)->hook, Hook::TcEgress);
}

TEST(Entry, InASectionThatLibbpfDoesNotKnowIsTakenWithANotice) {
    const auto entry = entry_of("entry/unknown_section");
    ASSERT_EQ(function_of(entry), "old_style");
    ASSERT_EQ(entry->notices.size(), 1U);
    EXPECT_TRUE(entry->notices[0].contains("SEC(\"prog\")")) << entry->notices[0];
}

TEST(Entry, OfAnObjectOfOursIsItsWrapper) {
    const auto entry = entry_of("count_sources");
    ASSERT_TRUE(entry.has_value()) << entry.error().message;
    EXPECT_TRUE(entry->is_wrapped);
    EXPECT_EQ(entry->entry, "weir_entry");
    EXPECT_EQ(entry->function, "count_sources");
}

TEST(Entry, OfAnObjectWithAnotherAbiIsRefused) {
    auto object = open("count_sources");
    ASSERT_TRUE(object.has_value()) << object.error().message;
    const auto abi = object->constant("weir_abi");
    ASSERT_TRUE(abi.has_value());
    const std::uint32_t other = 999;
    std::memcpy(abi->bytes.data(), &other, sizeof(other));
    const auto entry = find_entry(*object, {});
    ASSERT_FALSE(entry.has_value());
    EXPECT_EQ(entry.error().code, Errc::Unsupported);
    EXPECT_TRUE(entry.error().message.contains("999")) << entry.error().message;
}

}  // namespace
}  // namespace weir

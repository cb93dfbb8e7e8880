// SPDX-License-Identifier: Apache-2.0
// What an object says of the tail calls that it makes. Objects are opened only, nothing is loaded.
#include "probe/tail_calls.h"

#include <gtest/gtest.h>

#include "support/live_traffic.h"
#include "util/file.h"

namespace weir {
namespace {

TailCalls calls_of(const std::string& fixture, const std::string& entry) {
    const auto elf = read_bytes(test::fixture_path(fixture));
    EXPECT_TRUE(elf) << elf.error().message;
    if (!elf) return {};
    const auto object = bpf::Object::open(*elf, "test");
    EXPECT_TRUE(object) << object.error().message;
    return object ? find_tail_calls(*object, entry) : TailCalls{};
}

// two programs lie in one array, three times; five places are in the other; the third is not used
constexpr unsigned kOwn = 2 + 5;

TEST(TailCalls, OutOfTheEntryLeaveIt) {
    const TailCalls calls = calls_of("tail_calls", "leaves");
    EXPECT_TRUE(calls.leave_entry);
    EXPECT_EQ(calls.at_most, kOwn);
}

TEST(TailCalls, OutOfAFunctionComeBack) {
    const TailCalls calls = calls_of("tail_calls", "comes_back");
    EXPECT_FALSE(calls.leave_entry);
    EXPECT_EQ(calls.at_most, kOwn);
}

TEST(TailCalls, OfTheWrapperAreNotTheProbes) {
    const TailCalls calls = calls_of("pass", "weir_entry");
    EXPECT_FALSE(calls.leave_entry);
    EXPECT_EQ(calls.at_most, 0U);
}

TEST(TailCalls, OfAnObjectWithoutAnyAreNone) {
    EXPECT_EQ(calls_of("entry/one", "only").at_most, 0U);
}

}  // namespace
}  // namespace weir

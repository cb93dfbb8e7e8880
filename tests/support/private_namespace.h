// SPDX-License-Identifier: Apache-2.0
#pragma once
// A fixture: each test in a network namespace of its own, with the veth pair v0 (MTU 1400), v1,
// both down.
//
//     class InterfaceTest : public test::NamespaceTest {};
//     TEST_F(InterfaceTest, ...) { ip({"link", "del", "v0"}); }
//
// Ownership: the namespace goes with the test. Thread rule: one thread.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "bpf/interface.h"
#include "util/fd.h"
#include "util/process.h"

namespace weir::test {

class NamespaceTest : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// `ip WORDS...` or `tc WORDS...`.
    static Result<ProcessOutput> run_tool(const std::string& tool, std::vector<std::string> words,
                                          std::string_view input = {});
    /// It must succeed.
    static void ip(std::vector<std::string> words, std::string_view input = {});
    static void tc(std::vector<std::string> words);

    static bpf::IfIndex index_of(const std::string& name);

private:
    UniqueFd home_;
};

}  // namespace weir::test

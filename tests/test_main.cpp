// SPDX-License-Identifier: Apache-2.0
// The main of every C++ test. Exit codes: 0; 1 a test failed, something was left behind, or a test
// was skipped although WEIR_REQUIRE_KERNEL=1; 77 everything was skipped (ctest's SKIP_RETURN_CODE).
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "leak_check.h"

namespace {

constexpr int kAllSkipped = 77;
constexpr std::chrono::seconds kGrace{
    5};  // the kernel frees BPF objects late, under load by seconds

bool has_leaks(const weir::test::Inventory& before) {
    const auto leaks = weir::test::leaks_since(before, kGrace);
    for (const auto& leak : leaks) std::cerr << "[  LEAK  ] left behind: " << leak << '\n';
    return !leaks.empty();
}

bool is_kernel_required() {
    const char* value = std::getenv("WEIR_REQUIRE_KERNEL");
    return value != nullptr && std::string_view(value) == "1";
}

int verdict_on_skips() {
    const auto& tests = *::testing::UnitTest::GetInstance();
    if (tests.skipped_test_count() == 0) return 0;
    if (is_kernel_required()) {
        std::cerr << "skipped tests count as failed: WEIR_REQUIRE_KERNEL=1\n";
        return 1;
    }
    return tests.skipped_test_count() == tests.test_to_run_count() ? kAllSkipped : 0;
}

}  // namespace

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    weir::test::adopt_orphans();
    const auto before = weir::test::take_inventory();
    const int failed = RUN_ALL_TESTS();
    const bool leaked = has_leaks(before);
    if (failed != 0 || leaked) return 1;
    return verdict_on_skips();
}

// SPDX-License-Identifier: Apache-2.0
// What the command line makes of its words.
#include <gtest/gtest.h>

#include "cli/inject_options.h"
#include "policy/option_words.h"

namespace weir::cli {
namespace {

using namespace std::chrono_literals;
using policy::split_words;
using Words = std::vector<std::string>;

TEST(WindowLength, TakesSecondsWithFractions) {
    EXPECT_EQ(parse_window("10").value_or(0ns), 10s);
    EXPECT_EQ(parse_window("0.05").value_or(0ns), 50ms);
    EXPECT_EQ(parse_window("1e-1").value_or(0ns), 100ms);
    EXPECT_EQ(parse_window("2.5").value_or(0ns), 2500ms);
}

TEST(WindowLength, RefusesWhatIsNone) {
    for (const char* text : {"", "0", "-1", "abc", "1s", "0.049", "nan", "inf", "1e7", " 1"}) {
        const auto r = parse_window(text);
        ASSERT_FALSE(r.has_value()) << text;
        EXPECT_EQ(r.error().code, Errc::Invalid) << text;
        EXPECT_TRUE(r.error().message.starts_with("-t ")) << r.error().message;
    }
}

TEST(Flags, AreSplitAsAShellDoes) {
    EXPECT_EQ(split_words("").value_or(Words{"?"}), Words{});
    EXPECT_EQ(split_words("  -DA=1   -DB ").value_or(Words{}), (Words{"-DA=1", "-DB"}));
    EXPECT_EQ(split_words(R"(-I 'my dir' -DNAME="a b")").value_or(Words{}),
              (Words{"-I", "my dir", "-DNAME=a b"}));
    EXPECT_EQ(split_words(R"(-DMAPTYPE=\"percpu_array\")").value_or(Words{}),
              (Words{"-DMAPTYPE=\"percpu_array\""}));
    EXPECT_EQ(split_words("'' x").value_or(Words{}), (Words{"", "x"}));
    EXPECT_FALSE(split_words("-DA='open").has_value());
}

TEST(Settings, NeedAProbeAParameterAndAValue) {
    ProbeArguments arguments;
    arguments.settings = {"flows.limit=3", "flows.sources.max_entries=1k"};
    const auto options = to_probe_options(arguments);
    ASSERT_TRUE(options.has_value());
    EXPECT_EQ(options->settings[0], (std::pair<std::string, std::string>("flows.limit", "3")));
    EXPECT_EQ(options->settings[1],
              (std::pair<std::string, std::string>("flows.sources.max_entries", "1k")));
    for (const char* wrong : {"flows", "flows.limit", "limit=3", "flows.limit=", "=3", "x=a.b"}) {
        arguments.settings = {wrong};
        const auto r = to_probe_options(arguments);
        ASSERT_FALSE(r.has_value()) << wrong;
        EXPECT_EQ(r.error().code, Errc::Invalid) << wrong;
    }
}

TEST(Rows, AreAllInJsonAndAHundredInTextUnlessTold) {
    ProbeArguments arguments;
    EXPECT_EQ(arguments.row_limit(), 100);
    arguments.format = "json";
    EXPECT_EQ(arguments.row_limit(), std::numeric_limits<std::size_t>::max());
    arguments.max_rows = 0;
    EXPECT_EQ(arguments.row_limit(), 0);
}

}  // namespace
}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
// Files that several probes write to.
#include "cli/outputs.h"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "support/scratch_folder.h"
#include "util/file.h"

namespace weir::cli {
namespace {

Policy writing_to(const std::vector<std::string>& files) {
    Policy policy;
    for (const std::string& file : files) {
        PolicyProbe& probe = policy.probes.emplace_back();
        probe.name = "p";
        probe.report.output = file;
    }
    return policy;
}

TEST(Outputs, AreOpenedOnceHoweverTheyAreWrittenAndKeptOverReloads) {
    const test::ScratchFolder folder;
    const std::string file = folder.file("a", "old content").string();
    const std::string detour =
        (folder.path() / "." / ".." / folder.path().filename() / "a").string();
    auto outputs = Outputs::create();
    ASSERT_TRUE(outputs.has_value());
    ASSERT_TRUE(outputs->open(writing_to({file, "", detour})).has_value());
    ASSERT_TRUE(outputs->at(file).write("1\n").has_value());
    ASSERT_TRUE(outputs->at(detour).write("2\n").has_value());
    ASSERT_TRUE(outputs->open(writing_to({detour})).has_value());
    ASSERT_TRUE(outputs->at(file).write("3\n").has_value());
    EXPECT_EQ(read_text(file).value_or("?"), "1\n2\n3\n");
}

TEST(Outputs, NameTheProbeWhoseFileCannotBeWritten) {
    const test::ScratchFolder folder;
    auto outputs = Outputs::create();
    ASSERT_TRUE(outputs.has_value());
    const std::string file = (folder.path() / "no/where").string();
    const auto r = outputs->open(writing_to({file}));
    ASSERT_FALSE(r.has_value());
    EXPECT_EQ(r.error().code, Errc::Io);
    EXPECT_TRUE(r.error().message.starts_with("probe p: output: " + file)) << r.error().message;
}

TEST(Outputs, KeepTheLinesOfEachWriterWhole) {
    constexpr std::size_t kWriters = 4, kLines = 200,
                          kLetters = 20'000;  // more than a pipe takes at once
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const UniqueFd reader(ends[0]);
    auto output = Output::open("/proc/self/fd/" + std::to_string(ends[1]));
    ASSERT_TRUE(output.has_value());
    (void)UniqueFd(ends[1]);  // closed: the reader's end comes with the output's
    std::vector<std::jthread> writers;
    writers.reserve(kWriters);
    for (std::size_t w = 0; w < kWriters; ++w)
        writers.emplace_back([copy = *output, w] {
            const std::string line(kLetters, static_cast<char>('a' + w));
            for (std::size_t i = 0; i < kLines; ++i)
                EXPECT_TRUE(copy.write(line + "\n").has_value());
        });
    output = fail(Errc::Io, "closed here");
    std::string all;
    std::array<char, 65536> buffer{};
    for (ssize_t n = 0; (n = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
        all.append(buffer.data(), static_cast<std::size_t>(n));
        if (all.size() == kWriters * kLines * (kLetters + 1)) break;
    }
    std::istringstream lines(all);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count)
        ASSERT_EQ(line, std::string(kLetters, line.front())) << "line " << count;
    EXPECT_EQ(count, kWriters * kLines);
}

}  // namespace
}  // namespace weir::cli

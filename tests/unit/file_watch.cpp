// SPDX-License-Identifier: Apache-2.0
// When a watched file has another content, in all the ways in which editors save.
#include "util/file_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "support/scratch_folder.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FileWatchTest : public ::testing::Test {
protected:
    FileWatchTest() {
        auto watch = FileWatch::open();
        EXPECT_TRUE(watch.has_value());
        if (watch) watch_ = std::make_unique<FileWatch>(std::move(*watch));
    }
    void watch(const std::vector<fs::path>& files) const {
        const auto r = watch_->watch(files);
        ASSERT_TRUE(r.has_value()) << r.error().message;
    }
    [[nodiscard]] bool is_readable(int timeout_ms = 0) const {
        pollfd ready{.fd = watch_->fd(), .events = POLLIN, .revents = 0};
        return ::poll(&ready, 1, timeout_ms) > 0;
    }
    [[nodiscard]] bool has_changed() const {
        const auto r = watch_->has_changed();
        EXPECT_TRUE(r.has_value());
        EXPECT_FALSE(is_readable());
        return r.value_or(false);
    }
    /// That something woke the watcher, and that it is a change, once.
    void expect_change() const {
        EXPECT_TRUE(is_readable(1000));
        EXPECT_TRUE(has_changed());
        EXPECT_FALSE(has_changed());
    }

    test::ScratchFolder folder_;
    std::unique_ptr<FileWatch> watch_;
};

TEST_F(FileWatchTest, SeesAFileThatIsWritten) {
    const fs::path file = folder_.file("a.toml", "one");
    watch({file});
    EXPECT_FALSE(is_readable());
    EXPECT_FALSE(has_changed());
    (void)folder_.file("a.toml", "two");
    expect_change();
}

TEST_F(FileWatchTest, SeesAFileThatIsReplaced) {
    const fs::path file = folder_.file("a.toml", "one");
    watch({file});
    fs::rename(folder_.file("a.toml.tmp", "two"), file);
    expect_change();
    fs::rename(folder_.file("a.toml.tmp", "three"), file);
    expect_change();
}

TEST_F(FileWatchTest, SeesAFileThatGoesAndComes) {
    const fs::path file = folder_.file("a.toml", "one");
    watch({file});
    fs::remove(file);
    expect_change();
    (void)folder_.file("a.toml", "one");
    expect_change();
}

TEST_F(FileWatchTest, SeesAFileThatWasNotThere) {
    watch({folder_.path() / "later.c"});
    (void)folder_.file("later.c", "x");
    expect_change();
}

TEST_F(FileWatchTest, SeesAFolderThatIsMadeAgain) {
    const fs::path folder = folder_.path() / "probe";
    fs::create_directory(folder);
    const fs::path file = folder / "p.c";
    std::ofstream(file) << "one";
    watch({file});
    fs::remove_all(folder);
    expect_change();
    fs::create_directory(folder);
    EXPECT_TRUE(is_readable(1000));
    EXPECT_FALSE(has_changed());
    std::ofstream(file) << "two";
    expect_change();
}

TEST_F(FileWatchTest, SeesTheTargetOfALinkAndALinkThatIsChanged) {
    fs::create_directory(folder_.path() / "far");
    const fs::path one = folder_.file("far/one", "1");
    const fs::path link = folder_.path() / "a.toml";
    fs::create_symlink(one, link);
    watch({link});
    (void)folder_.file("far/one", "one");
    expect_change();
    fs::remove(link);
    fs::create_symlink(folder_.file("far/two", "2"), link);
    expect_change();
    (void)folder_.file("far/two", "two");
    expect_change();
}

TEST_F(FileWatchTest, IsNotWokenForNothing) {
    const fs::path file = folder_.file("a.toml", "one");
    watch({file});
    fs::last_write_time(file, fs::file_time_type::clock::now() + 1h);
    EXPECT_FALSE(has_changed()) << "touched";
    (void)folder_.file("a.toml", "one");
    EXPECT_FALSE(has_changed()) << "written with the same content";
    (void)folder_.file("other.toml", "new");
    EXPECT_FALSE(has_changed()) << "another file in the folder";
    (void)folder_.file("a.toml", "tmp");
    (void)folder_.file("a.toml", "one");
    EXPECT_FALSE(has_changed()) << "and back again";
    std::ofstream log(folder_.path() / "log");
    EXPECT_FALSE(has_changed());
    log << "a line" << std::flush;
    EXPECT_FALSE(is_readable(50)) << "a log that grows";
}

TEST_F(FileWatchTest, TakesSeveralWritesForOneChange) {
    const fs::path file = folder_.file("a.toml", "one");
    watch({file});
    std::jthread editor([&] {
        for (const char* text : {"t", "tw", "two"}) {
            (void)folder_.file("a.toml", text);
            std::this_thread::sleep_for(30ms);
        }
    });
    ASSERT_TRUE(is_readable(1000));
    EXPECT_TRUE(has_changed());
    editor.join();
    EXPECT_FALSE(has_changed());
}

TEST_F(FileWatchTest, DoesNotWaitForEverForAFolderThatNeverRests) {
    watch({folder_.file("a.toml", "one")});
    const std::jthread writer([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            (void)folder_.file("noise", "x");
            std::this_thread::sleep_for(20ms);
        }
    });
    (void)folder_.file("a.toml", "two");
    const auto begin = std::chrono::steady_clock::now();
    const auto r = watch_->has_changed();
    EXPECT_TRUE(r.has_value() && *r);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST_F(FileWatchTest, WatchesOtherFilesWhenTold) {
    const fs::path kept = folder_.file("kept", "1"), left = folder_.file("left", "1");
    watch({kept, left});
    (void)folder_.file("kept", "2");
    fs::create_directory(folder_.path() / "far");
    const fs::path added = folder_.file("far/added", "1");
    watch({kept, added});
    EXPECT_TRUE(has_changed()) << "what happened before is not lost";
    (void)folder_.file("left", "2");
    EXPECT_FALSE(has_changed());
    (void)folder_.file("far/added", "2");
    expect_change();
    watch({});
    EXPECT_FALSE(has_changed());
    (void)folder_.file("kept", "3");
    EXPECT_FALSE(is_readable(50));
}

}  // namespace
}  // namespace weir

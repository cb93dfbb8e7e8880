// SPDX-License-Identifier: Apache-2.0
#include "compile/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>

#include "compile_fixture.h"
#include "util/paths.h"

namespace weir::compile {
namespace {

namespace fs = std::filesystem;
using test::libbpf_probe;

class Cache : public test::CompileTest {
protected:
    Cache() { count_compilers(); }

    /// The one entry in the cache.
    [[nodiscard]] fs::path entry() const {
        for (const auto& item : fs::directory_iterator(folder_ / "cache"))
            if (item.path().extension() == ".probe") return item.path();
        return {};
    }
};

TEST_F(Cache, StartsNoCompilerForWhatItHas) {
    const auto source = write("f.c", libbpf_probe());
    const auto cold = compile(source);
    ASSERT_TRUE(cold) << cold.error().message;
    EXPECT_FALSE(cold->from_cache);
    const auto runs = compilers_started();
    EXPECT_EQ(runs, 2U);  // once to look, once to compile
    const auto warm = compile(source);
    ASSERT_TRUE(warm);
    EXPECT_TRUE(warm->from_cache);
    EXPECT_EQ(compilers_started(), runs);
}

TEST_F(Cache, GivesBackEverythingItWasGiven) {
    const auto source = write("f.c",
                              "#include <linux/bpf.h>\n__attribute__((section(\"prog\"), used))\n"
                              "int old_name(struct xdp_md *ctx) { return XDP_PASS; }\n");
    const auto cold = compile(source);
    ASSERT_TRUE(cold) << cold.error().message;
    const auto warm = compile(source);
    ASSERT_TRUE(warm);
    EXPECT_TRUE(warm->from_cache);
    EXPECT_EQ(warm->elf, cold->elf);
    EXPECT_EQ(warm->dialect, cold->dialect);
    EXPECT_EQ(warm->function, "old_name");
    ASSERT_EQ(warm->notices.size(), 1U);
    EXPECT_EQ(warm->notices, cold->notices);
}

TEST_F(Cache, MissesWhenTheSourceChanges) {
    const auto source = write("f.c", libbpf_probe());
    ASSERT_TRUE(compile(source));
    write("f.c", libbpf_probe("    return XDP_DROP;\n"));
    const auto again = compile(source);
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->from_cache);
}

TEST_F(Cache, MissesWhenAnIncludedHeaderChanges) {
    const auto source =
        write("f.c", libbpf_probe("    return VERDICT;\n", "#include \"sub/v.h\"\n"));
    write("sub/v.h", "#include \"deep.h\"\n");
    write("sub/deep.h", "#define VERDICT 1\n");
    const auto before = compile(source);
    ASSERT_TRUE(before) << before.error().message;
    write("sub/deep.h", "#define VERDICT 2\n");
    const auto after = compile(source);
    ASSERT_TRUE(after);
    EXPECT_FALSE(after->from_cache);
    EXPECT_NE(before->elf, after->elf);
}

TEST_F(Cache, MissesWhenAnIncludedHeaderIsGone) {
    const auto source = write("f.c", libbpf_probe("", "#include \"v.h\"\n"));
    fs::remove(write("v.h", ""));
    ASSERT_FALSE(compile(source));
    write("v.h", "");
    ASSERT_TRUE(compile(source));
    fs::remove(folder_ / "v.h");
    const auto gone = compile(source);
    ASSERT_FALSE(gone);
    EXPECT_TRUE(gone.error().message.contains("'v.h' file not found")) << gone.error().message;
}

TEST_F(Cache, MissesWhenAFlagChanges) {
    const auto source = write("f.c", libbpf_probe());
    ASSERT_TRUE(compile(source));
    const auto other = compile(source, {.cflags = {"-DX=1"}});
    ASSERT_TRUE(other);
    EXPECT_FALSE(other->from_cache);
    const auto split = compile(source, {.cflags = {"-D", "X=1"}});
    ASSERT_TRUE(split);
    EXPECT_FALSE(split->from_cache);
}

TEST_F(Cache, MissesWhenAnotherProgramIsAskedFor) {
    const auto source =
        write("f.c", libbpf_probe("", "SEC(\"xdp\") int g(struct xdp_md *c) { return 1; }\n"));
    const auto f = compile(source, {.program = "f"});
    ASSERT_TRUE(f) << f.error().message;
    const auto g = compile(source, {.program = "g"});
    ASSERT_TRUE(g);
    EXPECT_FALSE(g->from_cache);
    EXPECT_EQ(g->function, "g");
}

TEST_F(Cache, MissesWhenAnotherHookIsAskedFor) {
    const auto source = write("f.c", "int handle_rx(struct CTXTYPE *ctx) { return PASS; }\n");
    const auto xdp = compile(source);
    ASSERT_TRUE(xdp) << xdp.error().message;
    EXPECT_EQ(xdp->hook, Hook::Xdp);
    for (const Hook hook : {Hook::TcIngress, Hook::TcEgress}) {
        const auto tc = compile(source, {.hook = hook});
        ASSERT_TRUE(tc) << tc.error().message;
        EXPECT_FALSE(tc->from_cache) << hook_name(hook);
        EXPECT_EQ(tc->hook, hook);
        const auto again = compile(source, {.hook = hook});
        ASSERT_TRUE(again);
        EXPECT_TRUE(again->from_cache) << hook_name(hook);
        EXPECT_EQ(again->hook, hook);
    }
}

TEST_F(Cache, RemembersTheHookThatTheSourceIsFor) {
    const auto source = write("f.c", "int f(struct __sk_buff *skb) { return TC_ACT_OK; }\n");
    const auto cold = compile(source);
    ASSERT_TRUE(cold) << cold.error().message;
    EXPECT_EQ(cold->hook, Hook::TcIngress);
    const auto warm = compile(source);
    ASSERT_TRUE(warm);
    EXPECT_TRUE(warm->from_cache);
    EXPECT_EQ(warm->hook, Hook::TcIngress);
    EXPECT_EQ(warm->notices, cold->notices);
}

TEST_F(Cache, MissesWhenTheCompilerIsAnother) {
    const auto source = write("f.c", libbpf_probe());
    ASSERT_TRUE(compile(source));
    std::ofstream(folder_ / "clang", std::ios::app) << "# upgraded\n";
    const auto again = compile(source);
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->from_cache);
}

TEST_F(Cache, TellsSourcesOfTheSameContentApart) {
    write("a/v.h", "#define A 1\n");
    write("b/v.h", "#define B 1\n");
    const auto a = compile(write("a/f.c", libbpf_probe("", "#include \"v.h\"\n")));
    const auto b = compile(write("b/f.c", libbpf_probe("", "#include \"v.h\"\n")));
    ASSERT_TRUE(a && b);
    EXPECT_FALSE(b->from_cache);
}

TEST_F(Cache, KeepsNothingOfASourceThatFails) {
    const auto source = write("f.c", libbpf_probe("    return nope;\n"));
    ASSERT_FALSE(compile(source));
    EXPECT_EQ(entry(), fs::path());
    const auto runs = compilers_started();
    ASSERT_FALSE(compile(source));
    EXPECT_GT(compilers_started(), runs);
}

TEST_F(Cache, TakesEveryDamagedEntryForAMiss) {
    const auto source = write("f.c", libbpf_probe());
    const auto good = compile(source);
    ASSERT_TRUE(good) << good.error().message;
    const auto path = entry();
    const auto key = path.stem().string();
    const auto whole = read_text(path);
    ASSERT_TRUE(whole);
    ASSERT_TRUE(find_cached(folder_ / "cache", key));
    for (std::size_t length = 0; length < whole->size(); length += 1 + whole->size() / 97) {
        std::ofstream(path) << whole->substr(0, length);
        EXPECT_FALSE(find_cached(folder_ / "cache", key)) << "cut at " << length;
    }
    for (std::size_t at = 0; at < whole->size(); at += 1 + whole->size() / 97) {
        std::string bent = *whole;
        bent[at] = static_cast<char>(bent[at] ^ 1);
        std::ofstream(path) << bent;
        EXPECT_FALSE(find_cached(folder_ / "cache", key)) << "bent at " << at;
    }
    const auto again = compile(source);
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->from_cache);
    EXPECT_EQ(again->elf, good->elf);
}

TEST_F(Cache, ServesTwoProcessesAtOnce) {
    const auto source = write("f.c", libbpf_probe());
    std::array<pid_t, 2> children = {};
    for (auto& child : children) {
        child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto built = compile(source);
            ::_exit(built && built->function == "f" ? 0 : 1);
        }
    }
    for (const pid_t child : children) {
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
    const auto after = compile(source);
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->from_cache);
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& item : fs::directory_iterator(folder_ / "cache")) ++files;
    EXPECT_EQ(files, 1U);  // no temporary file is left
}

TEST_F(Cache, ForgetsWhatWasNotUsedForAMonth) {
    ASSERT_TRUE(compile(write("old.c", libbpf_probe())));
    const auto unused = entry();
    write("cache/notes.txt", "not a probe");
    const auto long_ago = fs::file_time_type::clock::now() - std::chrono::days(31);
    fs::last_write_time(unused, long_ago);
    fs::last_write_time(folder_ / "cache/notes.txt", long_ago);
    ASSERT_TRUE(compile(write("new.c", libbpf_probe())));
    EXPECT_FALSE(fs::exists(unused));
    EXPECT_TRUE(fs::exists(folder_ / "cache/notes.txt"));
}

TEST_F(Cache, AUseKeepsAnEntryYoung) {
    const auto source = write("f.c", libbpf_probe());
    ASSERT_TRUE(compile(source));
    fs::last_write_time(entry(), fs::file_time_type::clock::now() - std::chrono::days(29));
    ASSERT_TRUE(compile(source)->from_cache);
    EXPECT_GT(fs::last_write_time(entry()),
              fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST_F(Cache, IsMadeForItsOwnerAlone) {
    ASSERT_TRUE(cache_dir());
    struct stat status = {};
    ASSERT_EQ(::stat((folder_ / "cache").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(Cache, IsRefusedWhereOthersMayWrite) {
    ASSERT_TRUE(cache_dir());
    for (const mode_t mode : {0720U, 0702U}) {
        ::chmod((folder_ / "cache").c_str(), mode);
        const auto built = compile(write("f.c", libbpf_probe()));
        ASSERT_FALSE(built);
        EXPECT_EQ(built.error().code, Errc::Permission);
        EXPECT_TRUE(built.error().message.contains("writable for group or others"))
            << built.error().message;
    }
    EXPECT_EQ(compilers_started(), 0U);
}

TEST_F(Cache, IsRefusedWhereItBelongsToAnother) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a folder away";
    ASSERT_TRUE(cache_dir());
    ASSERT_EQ(::chown((folder_ / "cache").c_str(), 1, 1), 0);  // daemon
    const auto built = compile(write("f.c", libbpf_probe()));
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code, Errc::Permission);
    EXPECT_TRUE(built.error().message.contains("belongs to daemon")) << built.error().message;
    EXPECT_FALSE(built.error().hint.empty());
}

TEST_F(Cache, IsRefusedWhereItIsNoFolder) {
    write("cache", "a file");
    const auto folder = cache_dir();
    ASSERT_FALSE(folder);
    EXPECT_TRUE(folder.error().message.contains("cache")) << folder.error().message;
}

TEST_F(Cache, AFullOneCostsANoticeNotTheProbe) {
    const auto source = write("f.c", libbpf_probe());
    const auto cold = compile(source);
    ASSERT_TRUE(cold);
    const auto path = entry();
    fs::remove(path);
    fs::create_directory(path);  // the entry cannot be renamed onto a folder
    const auto built = compile(source);
    ASSERT_TRUE(built) << built.error().message;
    ASSERT_EQ(built->notices.size(), 1U);
    EXPECT_TRUE(built->notices[0].starts_with("not kept for the next start: "))
        << built->notices[0];
}

}  // namespace
}  // namespace weir::compile

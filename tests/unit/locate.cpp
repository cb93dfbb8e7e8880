// SPDX-License-Identifier: Apache-2.0
#include "probe/locate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace weir {
namespace {

namespace fs = std::filesystem;

class Locate : public ::testing::Test {
protected:
    Locate() {
        std::string pattern = (fs::temp_directory_path() / "weir-locate-XXXXXX").string();
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        share_ = folder_ / "share";
        write("share/probes/flows.bpf.o", kElf);
        write("share/probes/ddos.bpf.o", kElf);
    }
    ~Locate() override { fs::remove_all(folder_); }

    fs::path write(const std::string& name, const std::string& content = "int x;\n") {
        const fs::path path = folder_ / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << content;
        return path;
    }
    [[nodiscard]] Result<ProbeFile> locate(const fs::path& probe) const {
        return locate_probe(probe.string(), share_);
    }

    static constexpr const char* kElf = "\177ELF and so on";
    fs::path folder_;
    fs::path share_;
};

TEST_F(Locate, FindsAShippedProbeByItsName) {
    const auto found = locate("flows");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->name, "flows");
    EXPECT_EQ(found->path, share_ / "probes/flows.bpf.o");
    EXPECT_TRUE(found->is_object);
}

TEST_F(Locate, ListsTheShippedProbesForANameThatIsNone) {
    const auto found = locate("flow");
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Errc::NotFound);
    EXPECT_EQ(found.error().message, "flow: no such probe");
    EXPECT_EQ(found.error().hint, "shipped probes: ddos, flows");
}

TEST_F(Locate, NamesTheFileThatIsNotThere) {
    const auto found = locate(folder_ / "nowhere.c");
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Errc::NotFound);
    EXPECT_EQ(found.error().message, (folder_ / "nowhere.c").string() + ": no such file");
}

TEST_F(Locate, CallsAProbeByItsFileWithoutTheEndings) {
    EXPECT_EQ(locate(write("count.bpf.c"))->name, "count");
    EXPECT_EQ(locate(write("count.c"))->name, "count");
    EXPECT_EQ(locate(write("xdp_kern.kern.c"))->name, "xdp_kern");
    EXPECT_EQ(locate(write("old.o", kElf))->name, "old");
}

TEST_F(Locate, TellsObjectsFromSourcesByContentNotByName) {
    EXPECT_FALSE(locate(write("source.txt"))->is_object);
    EXPECT_TRUE(locate(write("really_object.c", kElf))->is_object);
    EXPECT_FALSE(locate(write("empty.c", ""))->is_object);
}

TEST_F(Locate, RefusesAnObjectByNameThatIsNoElfFile) {
    const auto found = locate(write("really_source.o"));
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Errc::Invalid);
    EXPECT_TRUE(found.error().message.contains("really_source.o: not an ELF object"))
        << found.error().message;
}

TEST_F(Locate, PrefersTheObjectAndTheSourceNamedAsTheFolder) {
    write("mine/other.c");
    write("mine/mine.bpf.c");
    EXPECT_EQ(locate(folder_ / "mine")->path, folder_ / "mine/mine.bpf.c");
    write("mine/mine.bpf.o", kElf);
    const auto found = locate((folder_ / "mine").string() + "/");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->path.filename(), "mine.bpf.o");
    EXPECT_EQ(found->name, "mine");
}

TEST_F(Locate, TakesTheClassicNameInAFolder) {
    write("plugin/ebpf.c");
    write("plugin/helper.c");
    const auto found = locate(folder_ / "plugin");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->path.filename(), "ebpf.c");
    EXPECT_EQ(found->name, "plugin");
}

TEST_F(Locate, TakesTheOnlySourceOfAFolder) {
    write("single/anything.c");
    write("single/README.md");
    EXPECT_EQ(locate(folder_ / "single")->path.filename(), "anything.c");
}

TEST_F(Locate, TakesTheObjectForTcWhereThereIsOne) {
    const fs::path both = share_ / "probes/flows.bpf.o";
    const fs::path for_tc = write("share/probes/flows.tc.bpf.o", kElf);
    EXPECT_EQ(object_for(both, Hook::TcIngress), for_tc);
    EXPECT_EQ(object_for(both, Hook::TcEgress), for_tc);
    EXPECT_EQ(object_for(both, Hook::Xdp), both);
    EXPECT_EQ(object_for(both, {}), both);
    const fs::path one = share_ / "probes/ddos.bpf.o";
    EXPECT_EQ(object_for(one, Hook::TcIngress), one);
    EXPECT_EQ(locate("flow").error().hint, "shipped probes: ddos, flows");
    EXPECT_EQ(locate(for_tc)->name, "flows");
    EXPECT_EQ(locate(write("tc.bpf.c"))->name, "tc");
}

TEST_F(Locate, DoesNotGuessAmongSeveralSources) {
    write("pair/one.c");
    write("pair/two.c");
    const auto found = locate(folder_ / "pair");
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().code, Errc::Invalid);
    EXPECT_TRUE(found.error().message.contains("several sources")) << found.error().message;
    fs::create_directories(folder_ / "bare");
    const auto none = locate(folder_ / "bare");
    ASSERT_FALSE(none.has_value());
    EXPECT_TRUE(none.error().message.contains("no probe source")) << none.error().message;
}

}  // namespace
}  // namespace weir

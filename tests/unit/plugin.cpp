// SPDX-License-Identifier: Apache-2.0
// A plugin that was built again is the new one, while the old one is still in use.
#include "extract/plugin.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "extract/plugin_source.h"
#include "support/scratch_folder.h"
#include "util/paths.h"

namespace weir::extract {
namespace {

namespace fs = std::filesystem;

class PluginTest : public ::testing::Test {
protected:
    PluginTest() { ::setenv("WEIR_CACHE", (folder_.path() / "cache").c_str(), 1); }
    PluginTest(const PluginTest&) = delete;
    PluginTest& operator=(const PluginTest&) = delete;
    ~PluginTest() override { ::unsetenv("WEIR_CACHE"); }

    /// An extractor that says `word` of every window. Its static variable in a template makes the
    /// library one that is never unloaded (STB_GNU_UNIQUE).
    [[nodiscard]] std::vector<std::byte> build(const std::string& word) const {
        const fs::path source = folder_.path() / "says.cpp";
        std::ofstream(source) << R"(#include <weir/extractor.h>
template <class T> struct Kept { static inline T windows = 0; };
class Says : public weir::Extractor {
    weir::Result<weir::Extraction> on_window(const weir::Snapshot&) override {
        Kept<int>::windows += 1;
        return weir::Extraction{.json = ")"
                              << word << R"("};
    }
};
WEIR_EXTRACTOR(Says);
)";
        const auto share = share_dir();
        EXPECT_TRUE(share.has_value());
        auto library = compile_plugin(source, share.value_or(fs::path{}));
        EXPECT_TRUE(library.has_value()) << library.error().message;
        return library.value_or(std::vector<std::byte>{});
    }

    static std::string says(const Result<LoadedExtractor>& loaded) {
        if (!loaded) return loaded.error().message;
        const Window window;
        const auto said = loaded->extractor->on_window(Snapshot(window));
        return said ? said->json : said.error().message;
    }

    test::ScratchFolder folder_;
};

TEST_F(PluginTest, BuiltAgainFromSourceIsTheNewOne) {
    const auto first = load_plugin(build("1"), "says.cpp");
    EXPECT_EQ(says(first), "1");
    const auto second = load_plugin(build("2"), "says.cpp");
    EXPECT_EQ(says(second), "2");
    EXPECT_EQ(says(first), "1");
}

TEST_F(PluginTest, BuiltAgainAfterTheFirstHasGoneIsTheNewOne) {
    for (const std::string word : {"1", "2", "3"})
        EXPECT_EQ(says(load_plugin(build(word), "says.cpp")), word);
}

TEST_F(PluginTest, ALibraryWithAnotherFileInItsPlaceIsTheNewOne) {
    const fs::path library = folder_.path() / "says.so";
    const auto install = [&](const std::string& word) {
        const auto bytes = build(word);
        fs::remove(library);  // as linkers do
        std::ofstream(library, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
    };
    install("1");
    const auto first = load_plugin(library);
    EXPECT_EQ(says(first), "1");
    install("2");
    const auto second = load_plugin(library);
    EXPECT_EQ(says(second), "2");
    EXPECT_EQ(says(first), "1");
}

}  // namespace
}  // namespace weir::extract

// SPDX-License-Identifier: Apache-2.0
// Profiles by name, from TOML files, and by what a model takes.
#include "model/profile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "util/nearest.h"

namespace weir::model {
namespace {

namespace fs = std::filesystem;

class ProfileTest : public ::testing::Test {
protected:
    void SetUp() override {
        folder_ = fs::path(::testing::TempDir()) /
                  ("weir-profile-" +
                   std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
        const fs::path path = folder_ / name;
        std::ofstream(path) << text;
        return path.string();
    }
    /// "MESSAGE | HINT" of what must be refused as Invalid.
    [[nodiscard]] std::string refused(const std::string& text) const {
        const auto profile = find_profile(write("mine.toml", text));
        if (profile) return "accepted";
        EXPECT_EQ(profile.error().code, Errc::Invalid);
        return profile.error().message + " | " + profile.error().hint;
    }
    void expect_refused(const std::string& text, const std::string& line, const std::string& what,
                        const std::string& hint = "") const {
        const std::string said = refused(text);
        EXPECT_NE(said.find("mine.toml:" + line + ": "), std::string::npos) << said;
        EXPECT_NE(said.find(what), std::string::npos) << said;
        EXPECT_NE(said.find(hint), std::string::npos) << said;
    }

    fs::path folder_;
};

std::vector<double> divisors(const Profile& profile, double window) {
    std::vector<double> all;
    all.reserve(profile.features.size());
    for (const auto& f : profile.features) all.push_back(f.divisor.value_or(window));
    return all;
}

const ProfileFeature& named(const Profile& profile, const std::string& name) {
    for (const auto& f : profile.features)
        if (f.name == name) return f;
    ADD_FAILURE() << "no feature " << name;
    return profile.features[0];
}

TEST(Profile, Lucid11HasTheColumnsOfThePublishedModels) {
    const auto profile = find_profile("lucid11");
    ASSERT_TRUE(profile.has_value());
    EXPECT_EQ(profile->name, "lucid11");
    EXPECT_EQ(feature_names(*profile),
              "time, ip_length, application, ip_fragment, application, tcp_length, tcp_ack, "
              "tcp_flags, tcp_window, udp_length, icmp_type");
    EXPECT_EQ(divisors(*profile, 10),
              (std::vector<double>{10, 65536, 4294967296, 65536, 4096, 65536, 4294967296, 65536,
                                   65536, 65536, 256}));
    EXPECT_EQ(profile->features[2].encoding, Encoding::HighestLayer);
    EXPECT_EQ(profile->features[4].encoding, Encoding::Protocols);
    EXPECT_EQ(profile->features[6].encoding, Encoding::RelativeAck);
    EXPECT_EQ(profile->features[3].encoding, Encoding::IpFlags);
    EXPECT_EQ(profile->features[3].factor, 1);
    EXPECT_FALSE(profile->threshold.has_value());
    EXPECT_FALSE(profile->window.has_value());
}

TEST(Profile, Lucid6HasTheClassicSix) {
    const auto profile = find_profile("lucid6");
    ASSERT_TRUE(profile.has_value());
    EXPECT_EQ(feature_names(*profile),
              "time, ip_fragment, tcp_flags, tcp_window, udp_length, icmp_type");
    EXPECT_EQ(divisors(*profile, 2), (std::vector<double>{2, 65536, 65536, 65536, 65536, 256}));
}

TEST(Profile, TakesTheWayInWhichFlagsWereWritten) {
    for (const auto& [text, factor] :
         {std::pair{"0x02", 1.0}, std::pair{"0x2", 1.0}, std::pair{"2", 1.0},
          std::pair{"0x40", 32.0}, std::pair{"0x4000", 8192.0}, std::pair{"16384", 8192.0}}) {
        const std::string name = std::string("lucid11,ip_flags=") + text;
        const auto profile = find_profile(name);
        ASSERT_TRUE(profile.has_value()) << name;
        EXPECT_EQ(named(*profile, "ip_fragment").factor, factor) << name;
        EXPECT_EQ(profile->name, name);
    }
    const auto six = find_profile("lucid6,ip_flags=0x4000");
    ASSERT_TRUE(six.has_value());
    EXPECT_EQ(six->features[1].factor, 8192);
}

TEST(Profile, TakesRawAcknowledgements) {
    EXPECT_EQ(named(*find_profile("lucid11,ack=raw"), "tcp_ack").encoding, Encoding::Plain);
    EXPECT_EQ(named(*find_profile("lucid11,ack=relative,ip_flags=0x40"), "tcp_ack").encoding,
              Encoding::RelativeAck);
}

TEST(Profile, RefusesWhatItDoesNotKnow) {
    const auto said = [](const std::string& text, Errc code) {
        const auto profile = find_profile(text);
        if (profile) return std::string("accepted");
        EXPECT_EQ(profile.error().code, code) << text;
        return profile.error().message + " | " + profile.error().hint;
    };
    EXPECT_NE(said("lucid1", Errc::NotFound).find("lucid11, lucid6"), std::string::npos);
    EXPECT_NE(said("lucid1", Errc::NotFound).find("did you mean lucid11?"), std::string::npos);
    EXPECT_NE(said("", Errc::NotFound), "accepted");
    EXPECT_NE(said("lucid11,", Errc::Invalid), "accepted");
    EXPECT_NE(said("lucid11,ip_flag=0x02", Errc::Invalid).find("did you mean ip_flags?"),
              std::string::npos);
    for (const char* bad :
         {"ip_flags", "ip_flags=", "ip_flags=0x20", "ip_flags=0x", "ip_flags=2x", "ip_flags=-2",
          "ip_flags=99999999999999999999", "ack", "ack=", "ack=rel", "threshold=1"})
        EXPECT_NE(said(std::string("lucid11,") + bad, Errc::Invalid), "accepted") << bad;
    EXPECT_NE(said("lucid6,ack=raw", Errc::Invalid).find("no relative acknowledgement"),
              std::string::npos);
    EXPECT_NE(said("no/where.toml", Errc::NotFound).find("no/where.toml: no such file"),
              std::string::npos);
}

TEST_F(ProfileTest, IsReadFromAFileThatNamesABuiltInOne) {
    const auto profile = find_profile(write("mine.toml",
                                            "profile = \"lucid11\"\nip_flags = 0x4000\n"
                                            "ack = \"raw\"\nthreshold = 0.75\nwindow = 2.5\n"));
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    EXPECT_EQ(profile->name, "mine.toml");
    EXPECT_EQ(profile->features.size(), 11U);
    EXPECT_EQ(named(*profile, "ip_fragment").factor, 8192);
    EXPECT_EQ(named(*profile, "tcp_ack").encoding, Encoding::Plain);
    EXPECT_EQ(profile->threshold, 0.75);
    EXPECT_EQ(profile->window, std::chrono::milliseconds(2500));
}

TEST_F(ProfileTest, ReadsFeaturesOfItsOwn) {
    const auto profile = find_profile(write("mine.toml", R"(
threshold = 1
[[feature]]
name = "time"
encoding = "since_first"
divisor = "window"
[[feature]]
name = "length"
[[feature]]
name = "ttl"
divisor = 255
factor = 0.5
missing = 64
[[feature]]
name = "tcp_flags"
shift = 1
mask = 0x0f
[[feature]]
name = "ip_fragment"
encoding = "ip_flags"
factor = 32
)") + ",ip_flags=0x4000");
    ASSERT_TRUE(profile.has_value()) << profile.error().message;
    ASSERT_EQ(profile->features.size(), 5U);
    const auto& f = profile->features;
    EXPECT_EQ(f[0].encoding, Encoding::SinceFirst);
    EXPECT_FALSE(f[0].divisor.has_value());
    EXPECT_EQ(f[1].encoding, Encoding::Plain);
    EXPECT_EQ(f[1].divisor, 1);
    EXPECT_EQ(f[1].factor, 1);
    EXPECT_FALSE(f[1].missing.has_value());
    EXPECT_EQ(f[2].divisor, 255);
    EXPECT_EQ(f[2].factor, 0.5);
    EXPECT_EQ(f[2].missing, 64);
    EXPECT_EQ(f[3].shift, 1U);
    EXPECT_EQ(f[3].mask, 15U);
    EXPECT_EQ(f[4].factor, 8192) << "what is said on the command line holds";
    EXPECT_EQ(profile->threshold, 1);
}

TEST_F(ProfileTest, RefusesKeysThatItDoesNotKnowWithTheirLine) {
    expect_refused("profile = \"lucid11\"\n\nip_flag = 2\n", "3", "unknown key ip_flag",
                   "did you mean ip_flags?");
    expect_refused("[[feature]]\nname = \"a\"\n[[feature]]\nname = \"b\"\ndivsor = 1\n", "5",
                   "unknown key divsor", "did you mean divisor?");
    expect_refused("colour = 1\n", "1", "unknown key colour", "there are profile, ip_flags");
}

TEST_F(ProfileTest, RefusesValuesThatDoNotFit) {
    const std::string base = "profile = \"lucid11\"\n";
    expect_refused(base + "ip_flags = 3\n", "2", "0x02, 0x40 or 0x4000");
    expect_refused(base + "ip_flags = \"0x02\"\n", "2", "not a whole number");
    expect_refused(base + "ip_flags = 99999999\n", "2", "from 0 to 65535");
    expect_refused(base + "ack = \"rel\"\n", "2", "relative or raw");
    expect_refused(base + "ack = 1\n", "2", "not a text");
    expect_refused(base + "threshold = 1.5\n", "2", "from 0 to 1");
    expect_refused(base + "threshold = nan\n", "2", "not a number");
    expect_refused(base + "threshold = true\n", "2", "not a number");
    expect_refused(base + "window = 0\n", "2", "window is 0");
    expect_refused("profile = \"lucid7\"\n", "1", "no profile lucid7", "lucid11, lucid6");
    expect_refused("profile = 11\n", "1", "not a text");
    expect_refused("feature = 1\n", "1", "[[feature]]");
    expect_refused("feature = []\nprofile = \"lucid6\"\n", "2", "do not go together");
    expect_refused("[[feature]]\ndivisor = 2\n", "1", "has no name");
    expect_refused("[[feature]]\nname = \"\"\n", "1", "has no name");
    const std::string own = "[[feature]]\nname = \"a\"\n";
    expect_refused(own + "divisor = 0\n", "3", "divisor is 0");
    expect_refused(own + "divisor = -1\n", "3", "divisor is -1");
    expect_refused(own + "divisor = \"windows\"\n", "3", "a number or \"window\"");
    expect_refused(own + "encoding = \"since\"\n", "3", "no encoding since");
    expect_refused(own + "encoding = \"relative_ask\"\n", "3", "no encoding relative_ask",
                   "did you mean relative_ack?");
    expect_refused(own + "factor = inf\n", "3", "not a number");
    expect_refused(own + "shift = 64\n", "3", "from 0 to 63");
    expect_refused(own + "mask = -1\n", "3", "mask is -1");
    expect_refused(own + "shift = 1\nencoding = \"since_first\"\n", "1", "plain alone");
    expect_refused(own + "log = 1\n", "3", "neither true nor false");
    expect_refused(own + "log = true\nencoding = \"ip_flags\"\n", "1", "log goes with");
    expect_refused(own + "log = true\nmask = 1\n", "1", "log goes with");
    expect_refused("[[feature]]\nname = \"pair.flows\"\nmask = 1\n", "1", "a number of the flow");
    expect_refused("threshold = 0.5\n", "1", "neither a profile nor a [[feature]]");
}

TEST_F(ProfileTest, RefusesWhatIsNoToml) {
    expect_refused("profile = \"lucid11\"\nthis is not\n", "2", "");
    expect_refused("profile = \"lucid11\"\nprofile = \"lucid6\"\n", "2", "");
    expect_refused("profile = \"lucid11", "1", "");
    EXPECT_NE(refused(std::string(3000, '[')), "accepted");
    EXPECT_NE(refused(std::string(2 << 20, ' ')).find("too long"), std::string::npos);
    EXPECT_NE(refused(""), "accepted");
    EXPECT_NE(refused(std::string("\0\xff\xfe", 3)), "accepted");
    const auto folder = find_profile(folder_.string());
    ASSERT_FALSE(folder.has_value());
    EXPECT_EQ(folder.error().code, Errc::Invalid);
}

TEST_F(ProfileTest, IsChosenByTheCommandLineThenByFilesThenByTheModel) {
    const std::string model = write("net.h5", "");
    const auto by_count = choose_profile("", model, 11);
    ASSERT_TRUE(by_count.has_value());
    EXPECT_EQ(by_count->profile.name, "lucid11");
    for (const char* word : {"11 features", "lucid11,ip_flags=0x02,ack=relative", "0x4000", "0x40",
                             "ack=raw", "model.toml"})
        EXPECT_NE(by_count->notice.find(word), std::string::npos) << by_count->notice;
    const auto six = choose_profile("", model, 6);
    ASSERT_TRUE(six.has_value());
    EXPECT_EQ(six->profile.name, "lucid6");
    EXPECT_EQ(six->notice.find("ack="), std::string::npos) << six->notice;

    const std::string shared = write("model.toml", "profile = \"lucid11\"\nip_flags = 0x40\n");
    const auto beside = choose_profile("", model, 11);
    ASSERT_TRUE(beside.has_value());
    EXPECT_EQ(beside->profile.features[3].factor, 32);
    EXPECT_NE(beside->notice.find(shared), std::string::npos) << beside->notice;

    const std::string own = write("net.toml", "profile = \"lucid11\"\nip_flags = 0x4000\n");
    EXPECT_EQ(choose_profile("", model, 11)->profile.features[3].factor, 8192);

    const auto named_one = choose_profile("lucid6", model, 11);
    ASSERT_TRUE(named_one.has_value());
    EXPECT_EQ(named_one->profile.name, "lucid6");
    EXPECT_EQ(named_one->notice, "");

    std::ofstream(own) << "profle = 1\n";
    const auto broken = choose_profile("", model, 11);
    ASSERT_FALSE(broken.has_value());
    EXPECT_EQ(broken.error().code, Errc::Invalid) << "a broken file is not passed over";
}

TEST_F(ProfileTest, IsNoneForAnotherNumberOfFeatures) {
    for (const std::size_t features : {0U, 1U, 12U, 20U}) {
        const auto none = choose_profile("", write("net.h5", ""), features);
        ASSERT_FALSE(none.has_value());
        EXPECT_EQ(none.error().code, Errc::Rejected);
        EXPECT_NE(none.error().message.find(std::to_string(features) + " features"),
                  std::string::npos);
        EXPECT_NE(none.error().hint.find("model.toml"), std::string::npos);
    }
}

TEST(Nearest, IsTheWordWithTheFewestStepsIfThatIsNear) {
    const std::vector<std::string> known = {"profile", "ip_flags", "threshold"};
    EXPECT_EQ(nearest("profil", known), "profile");
    EXPECT_EQ(nearest("ipflag", known), "ip_flags");
    EXPECT_EQ(nearest("treshhold", known), "threshold");
    EXPECT_EQ(nearest("colour", known), "");
    EXPECT_EQ(nearest("", known), "");
    EXPECT_EQ(nearest("a", {}), "");
}

}  // namespace
}  // namespace weir::model

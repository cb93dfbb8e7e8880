// SPDX-License-Identifier: Apache-2.0
// Policy files: every key, what is inherited and assumed, and every mistake with its line.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "policy/key.h"
#include "policy/policy_file.h"
#include "support/fuzz.h"
#include "support/scratch_folder.h"

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using Settings = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kAllOfThem = std::numeric_limits<std::size_t>::max();
constexpr const char* kFull = R"(
interface = "eth0"
window = 2
[[probe]]
bpf = "flows"
[[probe]]
name = "detector"
bpf = "ddos"
program = "main"
cflags = "-DA=1 -I 'my dir'"
interface = ["eth*", "wlan0"]
hook = ["xdp", "tc-egress"]
mode = "drv"
strict_mode = true
priority = 10
window = 0.25
extractor = "look.so"
model = "models/lucid.h5"
profile = "lucid11,ip_flags=0x4000"
threshold = 0.75
threads = 4
device = "cuda"
alerts = "all"
max_alerts = 7
max_rows = 0
parameters = { max_flows = "64k", PORT = 443, LESS = -3, RATE = 2.5, IS_ON = true, sources.max_entries = 4096 }
window_maps = ["a", "b"]
persist_maps = "c"
drop_state = true
output = "/var/log/ddos.json"
format = "json"
)";

class PolicyTest : public ::testing::Test {
protected:
    [[nodiscard]] Result<Policy> read(const std::string& text) const {
        return read_policy(folder_.file("p.toml", text));
    }
    /// The probes of a policy that must be right.
    [[nodiscard]] std::vector<PolicyProbe> probes(const std::string& text) const {
        auto read_it = read(text);
        EXPECT_TRUE(read_it.has_value()) << read_it.error().message;
        return read_it ? std::move(read_it->probes) : std::vector<PolicyProbe>(2);
    }
    [[nodiscard]] PolicyProbe probe(const std::string& keys) const {
        return probes("interface = \"eth0\"\n[[probe]]\nbpf = \"flows\"\n" + keys).front();
    }
    void expect_refused(const std::string& text, const std::string& place, const std::string& what,
                        const std::string& hint = "") const {
        const auto policy = read(text);
        ASSERT_FALSE(policy.has_value()) << text;
        const Error& error = policy.error();
        EXPECT_EQ(error.code, Errc::Invalid) << error.message;
        const std::string start = path("p.toml") + ":" + place + ": ";
        EXPECT_TRUE(error.message.starts_with(start)) << error.message;
        EXPECT_TRUE(error.message.contains(what)) << error.message;
        EXPECT_TRUE(error.hint.contains(hint)) << error.hint;
    }
    /// A line of a probe that is the fourth of the file.
    void expect_refused_key(const std::string& line, const std::string& what,
                            const std::string& hint = "") const {
        expect_refused("interface = \"eth0\"\n[[probe]]\nbpf = \"flows\"\n" + line + "\n", "4",
                       what, hint);
    }
    [[nodiscard]] std::string path(const std::string& name) const {
        return (folder_.path() / name).string();
    }

    test::ScratchFolder folder_;
};

TEST_F(PolicyTest, TakesEveryKey) {
    const auto all = probes(kFull);
    ASSERT_EQ(all.size(), 2U);
    const PolicyProbe& p = all[1];
    EXPECT_EQ(p.name, "detector");
    EXPECT_EQ(p.probe.file, "ddos");
    EXPECT_EQ(p.probe.name, "detector");
    EXPECT_EQ(p.probe.program, "main");
    EXPECT_EQ(p.probe.cflags, (Words{"-DA=1", "-I", "my dir"}));
    EXPECT_EQ(p.probe.window_maps, (Words{"a", "b"}));
    EXPECT_EQ(p.probe.persist_maps, Words{"c"});
    EXPECT_EQ(p.interfaces, (Words{"eth*", "wlan0"}));
    EXPECT_EQ(p.hooks, (std::vector{Hook::Xdp, Hook::TcEgress}));
    EXPECT_EQ(p.mode, AttachMode::Drv);
    EXPECT_TRUE(p.is_strict);
    EXPECT_EQ(p.priority, 10);
    EXPECT_EQ(p.window, 250ms);
    EXPECT_EQ(p.extractor.file, path("look.so"));
    EXPECT_EQ(p.extractor.model, path("models/lucid.h5"));
    EXPECT_EQ(p.model.file, path("models/lucid.h5"));
    EXPECT_EQ(p.model.profile, "lucid11,ip_flags=0x4000");
    EXPECT_EQ(p.model.threshold, 0.75);
    EXPECT_EQ(p.model.threads, 4);
    EXPECT_TRUE(p.model.use_cuda);
    EXPECT_TRUE(p.model.lists_all);
    EXPECT_EQ(p.model.max_alerts, 7U);
    EXPECT_TRUE(p.may_drop_state);
    EXPECT_EQ(
        p.report,
        (ReportOptions{
            .output = "/var/log/ddos.json", .as_json = true, .max_rows = 0, .max_alerts = 7}));
}

TEST_F(PolicyTest, WritesParametersAsTheCommandLineDoes) {
    EXPECT_EQ(probes(kFull)[1].probe.settings,
              (Settings{{"detector.IS_ON", "true"},
                        {"detector.LESS", "-3"},
                        {"detector.PORT", "443"},
                        {"detector.RATE", "2.5"},
                        {"detector.max_flows", "64k"},
                        {"detector.sources.max_entries", "4096"}}));
    EXPECT_EQ(probe("[probe.parameters]\nPORT = 0x1bb\n[probe.parameters.m]\nmax_entries = \"1k\"")
                  .probe.settings,
              (Settings{{"flows.PORT", "443"}, {"flows.m.max_entries", "1k"}}));
}

TEST_F(PolicyTest, AssumesWhatIsDocumented) {
    const PolicyProbe p = probe("");
    EXPECT_EQ(p.name, "flows");
    EXPECT_EQ(p.probe.name, "flows");
    EXPECT_EQ(p.interfaces, Words{"eth0"});
    EXPECT_TRUE(p.hooks.empty());
    EXPECT_EQ(p.mode, AttachMode::Skb);
    EXPECT_FALSE(p.is_strict);
    EXPECT_EQ(p.priority, 50);
    EXPECT_EQ(p.window, 10s);
    EXPECT_TRUE(p.extractor.file.empty());
    EXPECT_TRUE(p.extractor.model.empty());
    EXPECT_TRUE(p.model.file.empty());
    EXPECT_FALSE(p.may_drop_state);
    EXPECT_EQ(p.report, ReportOptions{});
    EXPECT_TRUE(p.probe.settings.empty());
}

TEST_F(PolicyTest, InheritsFromTheTopWhatTheProbeDoesNotSay) {
    const auto all = probes(
        "interface = [\"eth0\", \"eth1\"]\nhook = \"tc-ingress\"\nmode = \"hw\"\n"
        "strict_mode = true\nwindow = 0.05\nformat = \"json\"\noutput = \"all.json\"\n"
        "max_rows = 5\nmax_alerts = 6\ncflags = [\"-DX\"]\npriority = 3\nthreads = 2\n"
        "device = \"cuda\"\nthreshold = 1\ndrop_state = true\n"
        "[[probe]]\nbpf = \"flows\"\nmodel = \"m.onnx\"\n"
        "[[probe]]\nbpf = \"ddos\"\ninterface = \"lo\"\nhook = \"xdp\"\nmode = \"skb\"\n"
        "strict_mode = false\nwindow = 1\nformat = \"text\"\noutput = \"-\"\nmax_rows = 1\n"
        "max_alerts = 2\ncflags = []\npriority = 0\ndrop_state = false\n");
    const PolicyProbe& heir = all[0];
    EXPECT_EQ(heir.interfaces, (Words{"eth0", "eth1"}));
    EXPECT_EQ(heir.hooks, std::vector{Hook::TcIngress});
    EXPECT_EQ(heir.mode, AttachMode::Hw);
    EXPECT_TRUE(heir.is_strict);
    EXPECT_EQ(heir.window, 50ms);
    EXPECT_EQ(heir.report,
              (ReportOptions{
                  .output = path("all.json"), .as_json = true, .max_rows = 5, .max_alerts = 6}));
    EXPECT_EQ(heir.probe.cflags, Words{"-DX"});
    EXPECT_EQ(heir.priority, 3);
    EXPECT_EQ(heir.model.threads, 2);
    EXPECT_TRUE(heir.model.use_cuda);
    EXPECT_EQ(heir.model.threshold, 1);
    EXPECT_TRUE(heir.may_drop_state);
    const PolicyProbe& own = all[1];
    EXPECT_EQ(own.interfaces, Words{"lo"});
    EXPECT_EQ(own.hooks, std::vector{Hook::Xdp});
    EXPECT_EQ(own.mode, AttachMode::Skb);
    EXPECT_FALSE(own.is_strict);
    EXPECT_EQ(own.window, 1s);
    EXPECT_EQ(own.report,
              (ReportOptions{.output = "", .as_json = false, .max_rows = 1, .max_alerts = 2}));
    EXPECT_TRUE(own.probe.cflags.empty());
    EXPECT_EQ(own.priority, 0);
    EXPECT_FALSE(own.may_drop_state);
}

TEST_F(PolicyTest, TakesEveryCommonKeyAtTheTopAndNoOther) {
    for (const Key& key : keys()) {
        const std::string name(key.name);
        const std::string value =
            key.kind == Kind::Truth      ? "true"
            : key.kind == Kind::Whole    ? "1"
            : key.kind == Kind::Number   ? "1"
            : key.kind == Kind::Settings ? "{}"
            : key.choices.empty()
                ? "\"x\""
                : "\"" + std::string(key.choices.substr(0, key.choices.find(','))) + "\"";
        const std::string text = fmt::format("{} = {}\n{}[[probe]]\nbpf = \"flows\"\n", name, value,
                                             name == "interface" ? "" : "interface = \"lo\"\n");
        if (key.is_common)
            EXPECT_TRUE(read(text).has_value()) << text;
        else
            expect_refused(text, "1", name + " is a probe's own: it stands under [[probe]]");
    }
}

TEST_F(PolicyTest, LooksForFilesBesideThePolicy) {
    (void)folder_.file("mine.bpf.c", "");
    std::filesystem::create_directory(folder_.path() / "ddos");
    const auto file = [&](const std::string& bpf) {
        return probes("interface = \"lo\"\n[[probe]]\nname = \"n\"\nbpf = \"" + bpf + "\"\n")
            .front()
            .probe.file;
    };
    EXPECT_EQ(file("mine.bpf.c"), path("mine.bpf.c"));
    EXPECT_EQ(file("ddos"), path("ddos")) << "a folder here wins over a shipped probe";
    EXPECT_EQ(file("flows"), "flows");
    EXPECT_EQ(file("nowhere.c"), path("nowhere.c"));
    EXPECT_EQ(file("/etc/x.c"), "/etc/x.c");
    EXPECT_EQ(probe("model = \"m.h5\"\nprofile = \"p.toml,ack=raw\"").model.profile,
              path("p.toml,ack=raw"));
    EXPECT_EQ(probe("output = \"log/x\"").report.output, path("log/x"));
}

TEST_F(PolicyTest, CallsAProbeByItsFile) {
    std::filesystem::create_directory(folder_.path() / "folder");
    const auto name = [&](const std::string& bpf) {
        return probes("interface = \"lo\"\n[[probe]]\nbpf = \"" + bpf + "\"\n").front().name;
    };
    EXPECT_EQ(name("a/count.bpf.c"), "count");
    EXPECT_EQ(name("xdp_kern.kern.o"), "xdp_kern");
    EXPECT_EQ(name("folder/"), "folder");
}

TEST_F(PolicyTest, GivesAModelToAScriptAloneAndToBothOtherwise) {
    const PolicyProbe script = probe("model = \"m.h5\"\nextractor = \"e.py\"");
    EXPECT_EQ(script.extractor.file, path("e.py"));
    EXPECT_EQ(script.extractor.model, path("m.h5"));
    EXPECT_TRUE(script.model.file.empty());
    const PolicyProbe none = probe("model = \"none\"\nextractor = \"auto\"");
    EXPECT_TRUE(none.model.file.empty());
    EXPECT_TRUE(none.extractor.file.empty());
}

TEST_F(PolicyTest, LimitsAlertsAsInjectDoes) {
    EXPECT_EQ(probe("model = \"m.h5\"").model.max_alerts, 10U);
    EXPECT_EQ(probe("model = \"m.h5\"\nformat = \"json\"").model.max_alerts, kAllOfThem);
    EXPECT_EQ(probe("model = \"m.h5\"\nalerts = \"all\"").model.max_alerts, kAllOfThem);
}

TEST_F(PolicyTest, RefusesKeysThatItDoesNotKnow) {
    expect_refused("interface = \"lo\"\nwindw = 1\n[[probe]]\nbpf = \"flows\"\n", "2",
                   "unknown key windw", "did you mean window?");
    expect_refused_key("modle = \"x\"", "unknown key modle", "did you mean mode?");
    expect_refused_key("extracter = \"x\"", "unknown key extracter", "did you mean extractor?");
    expect_refused_key("colour = 1", "unknown key colour", "there are bpf, name");
    expect_refused_key("parameters = { m.max_entry = 4 }", "unknown key m.max_entry",
                       "did you mean max_entries?");
    expect_refused("[[probes]]\nbpf = \"flows\"\n", "1", "unknown key probes",
                   "did you mean probe?");
    expect_refused("bpf = \"flows\"\n", "1", "it stands under [[probe]]");
}

TEST_F(PolicyTest, TellsTheFirstMistakeOfTheFile) {
    expect_refused_key("zzz = 1\naaa = 1", "unknown key zzz");
}

TEST_F(PolicyTest, RefusesTypesThatDoNotFit) {
    expect_refused_key("program = 1", "program is not a text in quotes");
    expect_refused_key("program = \"\"", "program is empty");
    expect_refused_key(R"(program = "a\u0000b")", "zero byte");
    expect_refused_key("interface = 1", "interface is not a text in quotes");
    expect_refused_key("interface = [\"a\", 1]", "interface is not a text in quotes");
    expect_refused_key("window = \"2\"", "window is not a number");
    expect_refused_key("window = true", "window is not a number");
    expect_refused_key("window = nan", "window is not a number");
    expect_refused_key("priority = 1.5", "priority is not a whole number");
    expect_refused_key("strict_mode = 1", "strict_mode is not true or false");
    expect_refused_key("parameters = 3", "parameters is not a table", "PORT = 443");
    expect_refused_key("parameters = { A = [1] }", "parameters.A is not a number, true, false");
    expect_refused_key("parameters = { A = 1979-05-27 }", "parameters.A is not a number");
    expect_refused_key("parameters = { A = inf }", "parameters.A is not a number");
    expect_refused_key("parameters = { A = \"\" }", "parameters.A is empty");
    expect_refused_key("parameters = { m.max_entries = {} }", "parameters.m.max_entries is not");
}

TEST_F(PolicyTest, RefusesValuesThatAreNone) {
    expect_refused_key("hook = \"xpd\"", "hook cannot be \"xpd\"", "did you mean xdp?");
    expect_refused_key(R"(hook = ["xdp", "tc"])", R"(hook cannot be "tc")");
    expect_refused_key(R"(hook = ["xdp", "xdp"])", "hook names xdp twice");
    expect_refused_key("hook = []", "hook is an empty list");
    expect_refused_key("mode = \"generic\"", "mode cannot be", "there are skb, drv, hw");
    expect_refused_key("format = \"yaml\"", "format cannot be \"yaml\"");
    expect_refused_key("device = \"gpu\"", "device cannot be \"gpu\"");
    expect_refused_key("alerts = \"some\"", "alerts cannot be \"some\"");
    expect_refused_key("window = 0.049", "window is 0.049: a window is 0.05 s at least");
    expect_refused_key("window = 1e7", "a window is 1,000,000 s at most");
    expect_refused_key("window = -1", "window is -1: it is 0 at least");
    expect_refused_key("threads = 0", "threads is 0: it is from 1 to 256");
    expect_refused_key("threads = 257", "it is from 1 to 256");
    expect_refused_key("threshold = 1.5", "threshold is 1.5: it is from 0 to 1");
    expect_refused_key("priority = -1", "it is from 0 to 1000000");
    expect_refused_key("max_rows = -1", "max_rows is -1: it is 0 at least");
    expect_refused_key("max_alerts = -1", "max_alerts is -1: it is 0 at least");
    expect_refused_key("cflags = \"-DA='x\"", "a quote is not closed");
    expect_refused_key("name = \"a b\"", "name cannot be \"a b\"", "letters, digits");
    expect_refused_key("interface = \"a/b\"", "\"a/b\" is no name");
    expect_refused_key("interface = [\"\"]", "\"\" is no name");
    expect_refused_key("interface = \"sixteen_letters_\"", "longer than 15 letters");
}

TEST_F(PolicyTest, TellsTheLineOfAValueInALongList) {
    expect_refused("[[probe]]\nbpf = \"flows\"\ninterface = [\n  \"eth0\",\n  2,\n]\n", "5",
                   "interface is not a text in quotes");
}

TEST_F(PolicyTest, RefusesWhatIsNoPolicy) {
    expect_refused("", "1", "no probe", "[[probe]] begins one");
    expect_refused("window = 1\n", "1", "no probe");
    expect_refused("probe = []\n", "1", "no probe");
    expect_refused("interface = \"lo\"\n[probe]\nbpf = \"flows\"\n", "2", "written [[probe]]");
    expect_refused("probe = 1\n", "1", "written [[probe]]");
    expect_refused("interface = \"lo\"\n\n[[probe]]\nname = \"a\"\n", "3", "a probe has no bpf",
                   "bpf = \"ddos\"");
    expect_refused("[[probe]]\nbpf = \"flows\"\n", "1", "probe flows has no interface",
                   "interface = \"eth0\"");
    expect_refused("interface = \"lo\"\n[[probe]]\nbpf = \"my probe.c\"\n", "2",
                   "\"my probe\" cannot be a probe's name");
}

TEST_F(PolicyTest, RefusesTwoProbesOfOneName) {
    const std::string first = "interface = \"lo\"\n[[probe]]\nbpf = \"flows\"\n";
    expect_refused(first + "[[probe]]\nbpf = \"flows\"\n", "4",
                   "two probes are called flows: see line 2");
    expect_refused(first + "[[probe]]\nbpf = \"ddos\"\nname = \"flows\"\n", "6",
                   "two probes are called flows: see line 2");
}

TEST_F(PolicyTest, TellsLineAndColumnOfWhatIsNoToml) {
    expect_refused("interface = \"lo\"\nwindow = = 2\n", "2:10", "");
    expect_refused("interface = \"lo", "1:16", "");
    expect_refused("window = 1\nwindow = 2\n", "2:10", "redefine");
}

TEST_F(PolicyTest, RefusesFilesThatAreNone) {
    const auto code = [](const std::filesystem::path& file) {
        const auto policy = read_policy(file);
        return policy ? Errc::Busy : policy.error().code;
    };
    EXPECT_EQ(code(path("nowhere.toml")), Errc::NotFound);
    EXPECT_EQ(code(folder_.path()), Errc::Invalid);
    EXPECT_EQ(code("/dev/zero"), Errc::Invalid);
    EXPECT_EQ(code(folder_.file("long.toml", std::string((1 << 20) + 1, '#'))), Errc::Invalid);
}

TEST_F(PolicyTest, MutatedPoliciesAreReadOrRefused) {
    ASSERT_TRUE(read(kFull).has_value());
    test::fuzz(1, kFull, [&](const std::string& text) {
        const auto policy = read(text);
        EXPECT_TRUE(policy.has_value() || !policy.error().message.empty());
        return policy.has_value();
    });
}

TEST_F(PolicyTest, RandomBytesAreRefused) {
    test::Mutator random(2);
    for (int i = 0; i < 2000; ++i) {
        std::string text(random.below(200), '\0');
        for (char& c : text) c = static_cast<char>(random.below(256));
        EXPECT_FALSE(read(text).has_value());
    }
    EXPECT_FALSE(read("a = " + std::string(100'000, '[')).has_value());
}

}  // namespace
}  // namespace weir::policy

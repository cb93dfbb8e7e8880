// SPDX-License-Identifier: Apache-2.0
#include "compile/scan.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "compile/dialect.h"
#include "compile/entry.h"

namespace weir::compile {
namespace {

Scan scan(std::string_view text) { return scan_source(text, {.weir_headers = "/share/include"}); }

/// "name section context parameters", with what else is said of the function in front.
std::string described(const Function& f) {
    std::string text = f.is_static ? "static " : "";
    if (f.is_inline) text += "inline ";
    text += f.name + " ";
    if (!f.section.empty()) text += "[" + f.section + "] ";
    text += f.context == Context::Xdp ? "xdp " : f.context == Context::Tc ? "tc " : "";
    return text + std::to_string(f.parameters);
}

std::string all_described(const Scan& found) {
    std::string text;
    for (const auto& f : found.functions) text += (text.empty() ? "" : "; ") + described(f);
    return text;
}

struct TrickyC {
    const char* name;
    const char* text;
    const char* expected;
};

// gtest looks for this name. NOLINTNEXTLINE(readability-identifier-naming)
void PrintTo(const TrickyC& c, std::ostream* out) { *out << c.name; }

// Tables, read by their columns. NOLINTBEGIN(modernize-use-designated-initializers)
constexpr auto kTrickyC = std::to_array<TrickyC>({
    {"plain", "int f(struct xdp_md *ctx) { return 2; }", "f xdp 1"},
    {"prototype_is_no_definition", "int f(struct xdp_md *ctx);", ""},
    {"section_in_front", R"(__attribute__((section("xdp"), used)) int f(struct xdp_md *c) {})",
     "f [xdp] xdp 1"},
    {"section_between", R"(int __attribute__((section("xdp"))) f(struct xdp_md *c) {})",
     "f [xdp] xdp 1"},
    {"section_behind", R"(int f(struct xdp_md *c) __attribute__((__section__("xdp"))) {})",
     "f [xdp] xdp 1"},
    {"section_of_two_strings", R"(__attribute__((section("xd" "p"))) int f(void *c) {})",
     "f [xdp] 1"},
    {"section_of_the_prototype",
     R"(__attribute__((section("xdp"))) int f(struct xdp_md *c); int f(struct xdp_md *c) {})",
     "f [xdp] xdp 1"},
    {"section_that_is_not_loaded_by_itself",
     R"(__attribute__((section("?xdp"))) int f(void *c) {})", "f [xdp] 1"},
    {"static_of_the_prototype", "static int f(void); int f(void) {}", "static f 0"},
    {"static_inline", "static inline __attribute__((always_inline)) int f(void) { return 0; }",
     "static inline f 0"},
    {"no_parameters", "int f() {} int g(void) {}", "f 0; g 0"},
    {"parameters_with_commas_inside", "int f(int (*g)(int, int), int a[sizeof(int[2])]) {}", "f 2"},
    {"tc_context", "int f(struct __sk_buff *skb) {}", "f tc 1"},
    {"context_not_first", "int f(int a, struct xdp_md *c) {}", "f 2"},
    {"typedef_of_the_context", "typedef struct xdp_md ctx_t; int f(const ctx_t *c) {}", "f xdp 1"},
    {"typedef_of_a_typedef", "typedef struct xdp_md a; typedef a *b; int f(b c) {}", "f xdp 1"},
    {"old_style", "int f(c) struct xdp_md *c; { return 0; } int g(void) {}", "f xdp 1; g 0"},
    {"old_style_second", "int f(n, c) int n; struct xdp_md *c; { return 0; }", "f 2"},
    {"name_in_parentheses", "int (f)(struct xdp_md *c) {}", "f xdp 1"},
    {"typedef_name_in_parentheses", "u32 (f)(struct xdp_md *c) {}", "f xdp 1"},
    {"returns_a_function_pointer", "int (*f(struct xdp_md *c))(int, int) { return 0; }", "f xdp 1"},
    {"returns_a_struct", "struct s { int a; } f(struct xdp_md *c) { struct s x = {}; return x; }",
     "f xdp 1"},
    {"typeof_return", "__typeof__(1 + (2)) f(struct xdp_md *c) {}", "f xdp 1"},
    {"pointer_variable", "int (*f)(struct xdp_md *) = 0; int g(void) {}", "g 0"},
    {"initialiser", "struct ops o = { .f = g, .h = { 1, 2 } }; int a[] = { 1 }; int f(void) {}",
     "f 0"},
    {"initialiser_with_a_call", "int x = h((struct s){ 1 }); int f(void) {}", "f 0"},
    {"statement_expression_in_a_type", "int a[({ int x = 1; x; })]; int f(void) {}", "f 0"},
    {"statement_expression_in_a_body", "int f(void) { return ({ if (1) {} 2; }); } int g(void) {}",
     "f 0; g 0"},
    {"struct_with_attribute", "struct __attribute__((packed)) s { int a; }; int f(void) {}", "f 0"},
    {"enum", "enum e { A = (1), B }; int f(void) {}", "f 0"},
    {"braces_in_strings", R"(const char *s = "{\"{"; char c = '{'; char d = '\''; int f(void) {})",
     "f 0"},
    {"braces_in_comments", "/* { */ int f(void) { /* } */ } // {\nint g(void) {}", "f 0; g 0"},
    {"asm_at_top_level", R"(asm(".globl x {"); int f(void) asm("g"); int f(void) {})", "f 0"},
    {"asm_in_a_body",
     R"(int f(void) { asm volatile("{ %0" :: "r"(0) : "r1"); return 0; } int g(void){})",
     "f 0; g 0"},
    {"static_assert", R"(_Static_assert(sizeof(int) == 4, "x"); int f(void) {})", "f 0"},
    {"nested_function_bodies", "int f(void) { for (;;) { if (1) { } } } int g(void) {}",
     "f 0; g 0"},
    {"stray_semicolons", ";; int f(void) {}; int g(void) {};", "f 0; g 0"},
    {"body_that_never_ends", "int f(struct xdp_md *c) { {", "f xdp 1"},
    {"string_that_never_ends", "int f(void) {} char *s = \"abc\nint g(void) {}", "f 0"},
    {"pragma_and_line_splices", "#pragma clang attribute push (x, \\\n {)\nint f(void) {}", "f 0"},
    {"nothing", "", ""},
});

class ScanOfTrickyC : public ::testing::TestWithParam<TrickyC> {};

TEST_P(ScanOfTrickyC, FindsWhatIsDefined) {
    EXPECT_EQ(all_described(scan(GetParam().text)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Scan, ScanOfTrickyC, ::testing::ValuesIn(kTrickyC),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(Scan, EndsOnEveryPrefixOfASource) {
    const std::string text =
        "# 1 \"a.c\" 1\ntypedef int (*t)(struct xdp_md *); /* c */ struct { int (*type)[1]; } m "
        "__attribute__((section(\"maps\"))) = { 1 }; [[x]] int (*f(a, b))(c) int a; { \"\\\"\" "
        "'\\'' }";
    for (std::size_t length = 0; length <= text.size(); ++length) {
        EXPECT_LE(scan(text.substr(0, length)).functions.size(), 1U);
        EXPECT_LE(read_clues(text.substr(0, length), "/nowhere/a.c").handler_parameters, 0U);
    }
}

TEST(Scan, TellsFileAndLineByTheMarkers) {
    const auto found = scan(
        "# 1 \"<stdin>\"\n# 1 \"/home/a \\\"b\\\".c\" 1\n\nint f(struct xdp_md *c)\n{ }\n"
        "# 40 \"/home/a \\\"b\\\".c\"\nint g(void) {}\n");
    ASSERT_EQ(found.functions.size(), 2U);
    EXPECT_EQ(found.functions[0].file, "/home/a \"b\".c");
    EXPECT_EQ(found.functions[0].line, 2U);
    EXPECT_EQ(found.functions[1].line, 40U);
}

TEST(Scan, ListsIncludedFilesOnce) {
    const auto found = scan(
        "# 1 \"<stdin>\"\n# 1 \"<built-in>\" 1\n# 2 \"<stdin>\" 2\n# 1 \"/a.c\" 1\n# 1 \"/b.h\" 1 "
        "3 4\n"
        "# 2 \"/a.c\" 2\n# 1 \"/b.h\" 1 3 4\n# 3 \"/a.c\" 2\n# 9 \"made-up.y\"\n");
    EXPECT_EQ(found.files, (std::vector<std::string>{"/a.c", "/b.h"}));
}

TEST(Scan, KnowsTheAuthorsFunctionsFromOthers) {
    const auto found = scan(
        "# 1 \"/home/a.c\" 1\nint own(void) {}\n# 1 \"/opt/system.h\" 1 3\nint system(void) {}\n"
        "# 1 \"/share/include/weir/x.h\" 1\nint weir(void) {}\n"
        "# 1 \"/usr/include/x.h\" 1\nint installed(void) {}\n# 9 \"/home/a.c\" 2\nint again(void) "
        "{}\n");
    std::string own;
    for (const auto& f : found.functions)
        if (f.is_own) own += f.name + " ";
    EXPECT_EQ(own, "own again ");
}

TEST(Scan, FindsMapsOfTheOldKind) {
    const auto found = scan(
        "struct bpf_map_def __attribute__((section(\"maps\"), used)) flows = { .type = 1 };"
        "struct { int a; } counts[2] __attribute__((section(\"maps/counts\")));"
        "struct { int a; } modern __attribute__((section(\".maps\")));");
    EXPECT_EQ(found.old_maps, (std::vector<std::string>{"flows", "counts"}));
}

struct DialectCase {
    const char* name;
    const char* text;
    Dialect expected;
};

// gtest looks for this name. NOLINTNEXTLINE(readability-identifier-naming)
void PrintTo(const DialectCase& c, std::ostream* out) { *out << c.name; }

constexpr auto kDialectCases = std::to_array<DialectCase>({
    {"native", "#include <weir/probe.h>\nWEIR_PROBE(x) {}", Dialect::Native},
    {"native_wins_over_sections", "# include \"weir/flow.h\"\nSEC(\"xdp\") int f(void);",
     Dialect::Native},
    {"native_in_a_comment", "/*\n#include <weir/probe.h>\n*/ BPF_HASH(a);", Dialect::Bcc},
    {"bcc_header_of_weir", "#include <weir/bcc/prelude.h>\nBPF_HASH(a);", Dialect::Bcc},
    {"section_macro", "SEC(\"xdp\") int f(struct xdp_md *c) {}", Dialect::Libbpf},
    {"section_attribute", "__attribute__((section(\"xdp\"))) int f(void *c) {}", Dialect::Libbpf},
    {"section_in_a_comment", "// SEC(\"xdp\")\nint f(struct CTXTYPE *c) {}", Dialect::Bcc},
    {"section_in_a_string", "char *s = \"SEC(x)\"; int f(struct CTXTYPE *c) {}", Dialect::Bcc},
    {"helpers", "#include <bpf/bpf_helpers.h>\n", Dialect::Libbpf},
    {"vmlinux", "#include \"vmlinux.h\"\n", Dialect::Libbpf},
    {"bcc", "BPF_HASH(a); int handle_rx(struct CTXTYPE *c) {}", Dialect::Bcc},
    {"neither", "int f(struct xdp_md *c) { return 2; }", Dialect::Bcc},
});

class DialectOfText : public ::testing::TestWithParam<DialectCase> {};

TEST_P(DialectOfText, IsReadFromTheCodeAlone) {
    EXPECT_STREQ(dialect_name(read_clues(GetParam().text, "/nowhere/a.c").dialect),
                 dialect_name(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(Dialect, DialectOfText, ::testing::ValuesIn(kDialectCases),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(Dialect, CountsTheParametersOfTheEntriesOfBcc) {
    const auto clues = read_clues(
        "int x = handler(1); static int handler(struct CTXTYPE *c, struct f(int, int) *m) {}\n"
        "/* handle_rx(a, b) */",
        "/nowhere/a.c");
    EXPECT_EQ(clues.handler_parameters, 2U);
    EXPECT_EQ(clues.handle_rx_parameters, 0U);
}

TEST(Dialect, SaysWhichHelpersASourceCalls) {
    const auto calls = [](std::string_view text) {
        const auto clues = read_clues(text, "/nowhere/a.c");
        return std::pair(clues.logs, clues.punts);
    };
    EXPECT_EQ(calls("/* dp_log(1) */ int dp_log; // pkt_to_controller()"), std::pair(false, false));
    EXPECT_EQ(calls("#define LOG(x) dp_log (INFO, x)"), std::pair(true, false));
    EXPECT_EQ(calls("f(pcn_log(ctx, 1, \"x\"))"), std::pair(true, false));
    EXPECT_EQ(calls("my_dp_log(1); dp_logs(1); dp_log"), std::pair(false, false));
    EXPECT_EQ(calls("return pkt_to_controller(ctx, md);"), std::pair(false, true));
    EXPECT_EQ(calls("return pcn_pkt_controller(ctx, md, 1);"), std::pair(false, true));
}

struct EntryCase {
    const char* name;
    const char* text;
    const char* program;
    const char* function;                    // what is chosen, or
    const char* error;                       // what the message holds; empty: it must work
    std::optional<Hook> hook = {};           // wanted
    Hook chosen = hook.value_or(Hook::Xdp);  // what the entry then says
};

// gtest looks for this name. NOLINTNEXTLINE(readability-identifier-naming)
void PrintTo(const EntryCase& c, std::ostream* out) { *out << c.name; }

#define XDP_SEC(name) "__attribute__((section(\"" name "\"))) int "
constexpr auto kEntryCases = std::to_array<EntryCase>({
    {"the_only_section", XDP_SEC("xdp") "f(struct xdp_md *c) {} int sub(struct xdp_md *c) {}", "",
     "f", ""},
    {"frags", XDP_SEC("xdp.frags") "f(struct xdp_md *c) {}", "", "f", ""},
    {"named_section", XDP_SEC("xdp/eth0") "f(void *c) {}", "", "f", ""},
    {"old_section", XDP_SEC("prog") "f(struct xdp_md *c) {}", "", "f", ""},
    {"bare", "int f(struct xdp_md *c) {} static int g(struct xdp_md *c) {}", "", "f", ""},
    {"bare_with_two_parameters_is_none",
     "int f(struct xdp_md *c) {} int g(struct xdp_md *c, int n) {}", "", "f", ""},
    {"handle_rx_before_handler",
     "int handler(struct xdp_md *c) {} int handle_rx(struct xdp_md *c) {}", "", "handle_rx", ""},
    {"static_handler", "static inline int handler(struct xdp_md *c, struct pkt_metadata *m) {}", "",
     "handler", ""},
    {"callback_named_handler",
     "static long handler(void *m, int *k) {}" XDP_SEC("xdp") "f(struct xdp_md *c) {}", "", "f",
     ""},
    {"asked_for", XDP_SEC("xdp") "f(struct xdp_md *c) {}" XDP_SEC("xdp") "g(struct xdp_md *c) {}",
     "g", "g", ""},
    {"redirect_targets_are_none",
     XDP_SEC("xdp") "f(struct xdp_md *c) {}" XDP_SEC("xdp/devmap") "g(struct xdp_md *c) {}", "",
     "f", ""},
    {"several", XDP_SEC("xdp") "f(struct xdp_md *c) {}" XDP_SEC("xdp") "g(struct xdp_md *c) {}", "",
     "", "several programs, choose one:\n  f  SEC(\"xdp\")"},
    {"none", "static int f(struct xdp_md *c) {}", "", "", "no XDP program in it"},
    {"other_hooks", XDP_SEC("kprobe/x") "f(void *c) {}", "", "",
     "no XDP program in it; programs here:\n  f"},
    {"cgroup_section", XDP_SEC("cgroup_skb/egress") "f(struct xdp_md *c) {}", "", "",
     "no XDP program in it; programs here:\n  f"},
    {"the_section_before_the_parameter", XDP_SEC("xdp") "f(struct __sk_buff *c) {}", "", "f", ""},
    {"only_tc", XDP_SEC("tc") "f(struct __sk_buff *c) {}", "", "f", "", {}, Hook::TcIngress},
    {"bare_tc", "int f(struct __sk_buff *c) {}", "", "f", "", {}, Hook::TcIngress},
    {"handle_rx_of_tc",
     "static int handle_rx(struct __sk_buff *c) {}",
     "",
     "handle_rx",
     "",
     {},
     Hook::TcIngress},
    {"tc_asked_for", XDP_SEC("tc") "f(struct __sk_buff *c) {}", "f", "f", "", {}, Hook::TcIngress},
    {"tc_asked_for_beside_xdp",
     XDP_SEC("tc") "f(struct __sk_buff *c) {}" XDP_SEC("xdp") "g(struct xdp_md *c) {}",
     "f",
     "f",
     "",
     {},
     Hook::TcIngress},
    {"xdp_before_tc",
     XDP_SEC("tc") "f(struct __sk_buff *c) {}" XDP_SEC("xdp") "g(struct xdp_md *c) {}", "", "g",
     ""},
    {"tc_of_both",
     XDP_SEC("tc") "f(struct __sk_buff *c) {}" XDP_SEC("xdp") "g(struct xdp_md *c) {}", "", "f", "",
     Hook::TcEgress},
    {"classifier", XDP_SEC("classifier") "f(struct __sk_buff *c) {}", "", "f", "", Hook::TcIngress},
    {"tcx_by_section", XDP_SEC("tcx/egress") "f(void *c) {}", "", "f", "", Hook::TcIngress},
    {"action", XDP_SEC("action") "f(struct __sk_buff *c) {}", "", "f", "", Hook::TcEgress},
    {"old_tc_section", XDP_SEC("ingress") "f(struct __sk_buff *c) {}", "", "f", "",
     Hook::TcIngress},
    {"handler_for_the_hook",
     "int handle_rx(struct xdp_md *c) {} int handler(struct __sk_buff *c) {}", "", "handler", "",
     Hook::TcIngress},
    {"several_tc",
     XDP_SEC("tc") "f(struct __sk_buff *c) {}" XDP_SEC("tc") "g(struct __sk_buff *c) {}", "", "",
     "several programs, choose one:\n  f  SEC(\"tc\")"},
    {"tc_where_xdp_is_wanted", XDP_SEC("tc") "f(struct __sk_buff *c) {}", "", "",
     "no XDP program here, only tc ones:\n  f  SEC(\"tc\")", Hook::Xdp},
    {"xdp_where_tc_is_wanted", XDP_SEC("xdp") "f(struct xdp_md *c) {}", "", "",
     "no tc program here, only XDP ones:\n  f  SEC(\"xdp\")", Hook::TcIngress},
    {"xdp_asked_for_on_tc", XDP_SEC("xdp") "f(struct xdp_md *c) {}", "f", "",
     "this is an XDP program:\n  f", Hook::TcIngress},
    {"tc_asked_for_on_xdp", XDP_SEC("tc") "f(struct __sk_buff *c) {}", "f", "",
     "this is a tc program:\n  f", Hook::Xdp},
    {"no_tc", "static int f(struct __sk_buff *c) {}", "", "", "no tc program in it",
     Hook::TcEgress},
    {"skb_of_a_cgroup", XDP_SEC("cgroup_skb/egress") "f(struct __sk_buff *c) {}", "", "",
     "no XDP program in it; programs here:\n  f"},
    {"skb_of_a_socket", XDP_SEC("socket") "f(struct __sk_buff *c) {}", "", "",
     "no tc program in it; programs here:\n  f", Hook::TcIngress},
    {"native_on_tc", "int weir_entry(struct __sk_buff *c) {} static int p(void) {}", "", "p", "",
     Hook::TcEgress},
    {"not_there", XDP_SEC("xdp") "count(struct xdp_md *c) {}", "cuont", "",
     "no function cuont; programs here:\n  count  SEC(\"xdp\")"},
    {"too_many_parameters", "int f(struct xdp_md *c, int n, int m) {}", "f", "",
     "f takes 3 parameters"},
    {"old_maps",
     "struct d __attribute__((section(\"maps\"))) flows;" XDP_SEC("xdp") "f(struct xdp_md *c) {}",
     "", "", "map flows is defined by SEC(\"maps\")"},
    {"two_native_probes",
     "int weir_entry(struct xdp_md *c) {}\nint weir_entry(struct xdp_md *c) {}", "", "",
     "several WEIR_PROBE"},
});

class EntryOfText : public ::testing::TestWithParam<EntryCase> {};

TEST_P(EntryOfText, FollowsTheRules) {
    const auto entry = choose_entry(scan(GetParam().text),
                                    {.program = GetParam().program, .hook = GetParam().hook});
    if (*GetParam().error == '\0') {
        ASSERT_TRUE(entry) << entry.error().message;
        EXPECT_EQ(entry->function, GetParam().function);
        EXPECT_EQ(entry->hook, GetParam().chosen);
        return;
    }
    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().code, Errc::Invalid);
    EXPECT_NE(entry.error().message.find(GetParam().error), std::string::npos)
        << entry.error().message;
}

INSTANTIATE_TEST_SUITE_P(Entry, EntryOfText, ::testing::ValuesIn(kEntryCases),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

// NOLINTEND(modernize-use-designated-initializers)

TEST(Entry, SaysThatAnOldSectionNameWasAccepted) {
    const auto entry = choose_entry(scan(XDP_SEC("prog") "f(struct xdp_md *c) {}"), {});
    ASSERT_TRUE(entry);
    ASSERT_EQ(entry->notices.size(), 1U);
    EXPECT_EQ(entry->notices[0],
              "SEC(\"prog\") is not a name libbpf 1.x knows; f is taken for an xdp program");
}

TEST(Entry, SaysThatItIsForTcWhereNobodyAskedForIt) {
    const Scan tc = scan(XDP_SEC("ingress") "f(struct __sk_buff *c) {}");
    const auto entry = choose_entry(tc, {});
    ASSERT_TRUE(entry);
    ASSERT_EQ(entry->notices.size(), 2U);
    EXPECT_EQ(entry->notices[0],
              "SEC(\"ingress\") is not a name libbpf 1.x knows; f is taken for a tc program");
    EXPECT_EQ(entry->notices[1], "f is a tc program: hook tc-ingress, or --hook tc-egress");
    const auto asked = choose_entry(tc, {.hook = Hook::TcIngress});
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->notices.size(), 1U);
}

TEST(Entry, SaysWhichHookAProgramIsFor) {
    const auto tc = choose_entry(scan(XDP_SEC("tc") "f(void *c) {}"), {.hook = Hook::Xdp});
    ASSERT_FALSE(tc);
    EXPECT_EQ(tc.error().hint, "--hook tc-ingress");
    const auto xdp = choose_entry(scan(XDP_SEC("xdp") "f(void *c) {}"), {.hook = Hook::TcEgress});
    ASSERT_FALSE(xdp);
    EXPECT_EQ(xdp.error().hint, "--hook xdp");
}

TEST(Entry, SuggestsTheNearestName) {
    const auto entry = choose_entry(scan(XDP_SEC("xdp") "count(struct xdp_md *c) {}" XDP_SEC(
                                        "xdp") "drop(struct xdp_md *c) {}"),
                                    {.program = "cuont"});
    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().hint, "did you mean --program count?");
}

TEST(Entry, TakesTheWrapperOfNativeProbesAsItIs) {
    const auto found = scan(
        "# 7 \"/a.c\" 1\nint weir_entry(struct xdp_md *c) {} static int flows(struct p *p) {}\n");
    const auto entry = choose_entry(found, {});
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->wrapper, Wrapper::Inside);
    EXPECT_EQ(entry->function, "flows");
}

}  // namespace
}  // namespace weir::compile

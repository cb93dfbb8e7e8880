// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "compile/compiler.h"
#include "compile_fixture.h"

namespace weir::compile {
namespace {

namespace fs = std::filesystem;
using test::libbpf_probe;

class Compile : public test::CompileTest {};

std::string_view text_of(const Compiled& compiled) {
    // SAFETY: any object may be read as char; the view lives as long as the vector.
    return {reinterpret_cast<const char*>(compiled.elf.data()), compiled.elf.size()};
}

bool is_wrapped(const Compiled& compiled) {
    const auto text = text_of(compiled);
    return text.starts_with("\177ELF") && text.contains("weir_entry") &&
           text.contains("weir_chain");
}

/// Expects a failure and hands it on.
Error error_of(const Result<Compiled>& built) {
    EXPECT_FALSE(built);
    return built ? Error{.code = Errc::Io, .message = "it worked"} : built.error();
}

constexpr const char* kBccCounter =
    "BPF_TABLE(\"percpu_array\", uint32_t, long, dropcnt, 256);\n"
    "int count(struct CTXTYPE *ctx) {\n"
    "    uint32_t index = 1;\n"
    "    long *value = dropcnt.lookup(&index);\n"
    "    if (value) *value += 1;\n"
    "    return XDP_PASS;\n}\n";

TEST_F(Compile, WrapsALibbpfSource) {
    const auto built = compile(write("f.c", libbpf_probe()));
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->dialect, Dialect::Libbpf);
    EXPECT_EQ(built->function, "f");
    EXPECT_TRUE(built->notices.empty());
    EXPECT_TRUE(is_wrapped(*built));
}

TEST_F(Compile, TakesANativeProbeWithItsOwnWrapper) {
    const auto source = write("probe.c",
                              "#include <weir/probe.h>\nWEIR_WINDOW_MAP(seen, __u32, __u64, 16);\n"
                              "WEIR_PROBE(tiny)\n{\n    __u32 one = 1;\n"
                              "    __u64 *n = weir_window_get(&seen, &one);\n"
                              "    if (n)\n        *n += 1;\n    return WEIR_PASS;\n}\n");
    const auto built = compile(source);
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->dialect, Dialect::Native);
    EXPECT_EQ(built->function, "tiny");
    EXPECT_TRUE(is_wrapped(*built));
    EXPECT_TRUE(compile(source, {.program = "tiny"}));
    const auto error = error_of(compile(source, {.program = "other"}));
    EXPECT_TRUE(error.message.contains("no function other; the probe here is:\n  tiny"))
        << error.message;
}

TEST_F(Compile, WrapsABccSource) {
    const auto built = compile(write("count.c", kBccCounter));
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->dialect, Dialect::Bcc);
    EXPECT_EQ(built->function, "count");
    EXPECT_TRUE(is_wrapped(*built));
}

TEST_F(Compile, WrapsABccHandlerWithItsMetadata) {
    const auto built =
        compile(write("handler.c",
                      "BPF_ARRAY(sizes, u64, 2);\n"
                      "static __always_inline int handler(struct CTXTYPE *ctx, struct "
                      "pkt_metadata *md) {\n"
                      "    int k = md->ingress; u64 *n = sizes.lookup(&k);\n"
                      "    if (n) *n += md->length;\n    return PASS;\n}\n"));
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->function, "handler");
    EXPECT_TRUE(is_wrapped(*built));
}

TEST_F(Compile, LeavesTheStructsOfHandleRxToTheSource) {
    const auto built =
        compile(write("rx.c",
                      "struct pkt_metadata { int mine; };\nstruct eth_hdr { int mine; };\n"
                      "BPF_QUEUESTACK(\"queue\", seen, u64, 64, 0);\n"
                      "int handle_rx(struct CTXTYPE *ctx) {\n"
                      "    u64 t = EPOCH_BASE + bpf_ktime_get_ns(); seen.push(&t, 0);\n"
                      "    return RX_OK;\n}\n"));
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->function, "handle_rx");
}

TEST_F(Compile, NamesTheMacroOfBccThatCannotBe) {
    const auto error = error_of(compile(write("skb.c",
                                              "int count(struct CTXTYPE *ctx) {\n"
                                              "    u8 *c = 0; struct e { int a; };\n"
                                              "    struct e *p = cursor_advance(c, 14);\n"
                                              "    return p->a;\n}\n")));
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.contains("skb.c:3:19: error: ")) << error.message;
    EXPECT_TRUE(error.message.contains("cursor_advance()")) << error.message;
}

/// What the code of a section calls by relocation: the name of a function, or of the section it is
/// in.
std::vector<std::string> calls_from(const Compiled& compiled, const std::string& section) {
    elf_version(EV_CURRENT);
    std::vector<std::byte> bytes = compiled.elf;
    // SAFETY: elf_memory() wants char*; the vector outlives the handle.
    Elf* elf = elf_memory(reinterpret_cast<char*>(bytes.data()), bytes.size());
    std::size_t names = 0;
    elf_getshdrstrndx(elf, &names);
    const auto section_name = [&](Elf_Scn* at) {
        return std::string(elf_strptr(elf, names, elf64_getshdr(at)->sh_name));
    };
    std::vector<std::string> calls;
    for (Elf_Scn* at = elf_nextscn(elf, nullptr); at != nullptr; at = elf_nextscn(elf, at)) {
        if (section_name(at) != ".rel" + section) continue;
        Elf_Scn* symbol_table = elf_getscn(elf, elf64_getshdr(at)->sh_link);
        const auto* symbols =
            static_cast<const Elf64_Sym*>(elf_getdata(symbol_table, nullptr)->d_buf);
        const Elf_Data* data = elf_getdata(at, nullptr);
        const auto* entries = static_cast<const Elf64_Rel*>(data->d_buf);
        for (std::size_t i = 0; i < data->d_size / sizeof(Elf64_Rel); ++i) {
            constexpr auto kCall = 10U;  // R_BPF_64_32
            if (ELF64_R_TYPE(entries[i].r_info) != kCall) continue;
            const Elf64_Sym& symbol = symbols[ELF64_R_SYM(entries[i].r_info)];
            calls.push_back(
                ELF64_ST_TYPE(symbol.st_info) == STT_SECTION
                    ? section_name(elf_getscn(elf, symbol.st_shndx))
                    : elf_strptr(elf, elf64_getshdr(symbol_table)->sh_link, symbol.st_name));
        }
    }
    elf_end(elf);
    return calls;
}

TEST_F(Compile, InlinesAnEntryThatIsMarkedNoinline) {
    const auto built =
        compile(write("f.c",
                      "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
                      "static __attribute__((noinline)) int sub(int n) { return n * 3; }\n"
                      "SEC(\"xdp\") __attribute__((noinline)) int f(struct xdp_md *ctx)\n"
                      "{ return sub(ctx->ingress_ifindex) == 9 ? XDP_DROP : XDP_PASS; }\n"));
    ASSERT_TRUE(built) << built.error().message;
    // libbpf refuses a relocation of a call into another program: only `sub` is called.
    EXPECT_EQ(calls_from(*built, "xdp.frags"), std::vector<std::string>{".text"});
}

TEST_F(Compile, LetsAFunctionHaveTheNameOfASectionOnTc) {
    const auto built = compile(write("f.c", "int tc(struct __sk_buff *skb) { return 0; }\n"));
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->function, "tc");
    EXPECT_TRUE(is_wrapped(*built));
}

TEST_F(Compile, GivesANativeProbeTheContextOfItsHook) {
    const auto source = write("probe.c",
                              "#include <weir/probe.h>\nWEIR_PROBE(tiny)\n{\n"
                              "    return p->ctx->FIELD ? WEIR_DROP : WEIR_PASS;\n}\n");
    EXPECT_TRUE(compile(source, {.hook = Hook::Xdp, .cflags = {"-DFIELD=rx_queue_index"}}));
    EXPECT_TRUE(compile(source, {.hook = Hook::TcEgress, .cflags = {"-DFIELD=mark"}}));
    const auto error = error_of(compile(source, {.cflags = {"-DFIELD=mark"}}));
    EXPECT_TRUE(error.message.contains("no member named 'mark' in 'struct xdp_md'"))
        << error.message;
}

TEST_F(Compile, FindsHeadersBesideTheSource) {
    write("probe/one.h", "#define ONE 1\n");
    write("common/two.h", "#define TWO 2\n");
    const auto built = compile(
        write("probe/f.c", libbpf_probe("    return ONE + TWO;\n",
                                        "#include <one.h>\n#include \"../common/two.h\"\n")));
    EXPECT_TRUE(built) << built.error().message;
}

TEST_F(Compile, FindsLibbpfsHeadersWithoutTheirFolder) {
    const auto built = compile(write("f.c",
                                     "#include <linux/bpf.h>\n#include \"bpf_helpers.h\"\n"
                                     "SEC(\"xdp\") int f(struct xdp_md *ctx) { return 2; }\n"));
    EXPECT_TRUE(built) << built.error().message;
}

TEST_F(Compile, GivesTheKernelsNamesToASourceThatDoesNotCompileWithoutThem) {
    const auto source = write("f.c", libbpf_probe("    struct { u8 a; u32 b; } __packed s;\n"
                                                  "    if (sizeof(s) != 5) return htons(1);\n"));
    const auto built = compile(source);
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_TRUE(compile(source)->from_cache);
}

TEST_F(Compile, LeavesASourceItsOwnNamesOfTheKernelsTypes) {
    const auto built = compile(
        write("f.c", libbpf_probe("    u32 n = sizeof(u64);\n    if (n != 4) return 1;\n",
                                  "typedef struct { int one; } u64;\ntypedef char u32;\n")));
    EXPECT_TRUE(built) << built.error().message;
}

TEST_F(Compile, ShowsTheErrorsOfTheSourceAsItIsWhereTheKernelsNamesDoNotHelp) {
    const auto error = error_of(compile(write("f.c", libbpf_probe("    u32 n = missing;\n"))));
    EXPECT_TRUE(error.message.contains("f.c:5:5: error: use of undeclared identifier 'u32'"))
        << error.message;
}

TEST_F(Compile, SaysWhatIsOpenWhereTheSourceEnds) {
    const auto error = error_of(compile(write("f.c", libbpf_probe("    if (ctx) {\n"))));
    EXPECT_TRUE(error.message.contains("f.c: at its end: error: expected '}'")) << error.message;
    EXPECT_TRUE(error.message.contains("f.c:4:1: note: to match this '{'")) << error.message;
    EXPECT_FALSE(error.message.contains("<stdin>")) << error.message;
    EXPECT_FALSE(error.message.contains("weir_")) << error.message;
}

TEST_F(Compile, SaysThatProbesAreNotWrittenInCPlusPlus) {
    const auto error =
        error_of(compile(write("f.cpp", libbpf_probe("", "template <class T> x;\n"))));
    EXPECT_EQ(error.hint, "probes are written in C, and this is C++");
}

TEST_F(Compile, LetsAFunctionHaveTheNameOfItsHook) {
    const auto built = compile(write("f.c", "int xdp(struct xdp_md *ctx) { return XDP_PASS; }\n"));
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->function, "xdp");
}

TEST_F(Compile, GivesHandleRxWithMetadataWhatPolycubeIncludes) {
    const auto built =
        compile(write("f.c",
                      "static int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
                      "    return md->packet_len == ETH_P_IP ? RX_DROP : RX_OK;\n}\n"));
    EXPECT_TRUE(built) << built.error().message;
}

TEST_F(Compile, KnowsHowLongTheNameOfAnInterfaceMayBe) {
    const auto source = [](const std::string& name) {
        return "static int handler(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
               "    return md->length ? REDIRECT : REDIRECT(" +
               name + ");\n}\n";
    };
    const auto built = compile(write("f.c", source("fifteen_letters")));
    EXPECT_TRUE(built) << built.error().message;
    const auto error = error_of(compile(write("f.c", source("sixteen__letters"))));
    EXPECT_TRUE(error.message.contains("f.c:2:")) << error.message;
    EXPECT_TRUE(error.message.contains("15 characters at most")) << error.message;
}

TEST_F(Compile, LetsTheUsersFlagsHaveTheLastWord) {
    const auto source = write("f.c", libbpf_probe("#ifndef LIMIT\n#error no limit\n#endif\n"));
    const auto error = error_of(compile(source));
    EXPECT_TRUE(error.message.contains("f.c:6:2: error: no limit")) << error.message;
    EXPECT_TRUE(compile(source, {.cflags = {"-DLIMIT=1"}}));
    EXPECT_EQ(error_of(compile(source, {.cflags = {"-DLIMIT=1", "-mcpu=nonsense"}})).code,
              Errc::Invalid);
}

TEST_F(Compile, ShowsErrorsAtTheAuthorsPlacesAndNoWarnings) {
    write("bad.h", "static inline int q(void) { return missing; }\n");
    write("f.c", libbpf_probe("    int *p = 1;\n    return XDP_PASSS;\n",
                              "#warning careful\n#include \"bad.h\"\n"));
    const fs::path before = fs::current_path();
    fs::current_path(folder_);
    const auto error = error_of(compile("f.c"));
    fs::current_path(before);
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.starts_with("f.c: does not compile\n")) << error.message;
    EXPECT_TRUE(error.message.contains("\nIn file included from f.c:4:\nbad.h:1:36: error: "))
        << error.message;
    EXPECT_TRUE(error.message.contains("\nf.c:8:12: error: ")) << error.message;
    EXPECT_FALSE(error.message.contains("careful")) << error.message;
    EXPECT_FALSE(error.message.contains("<stdin>")) << error.message;
    EXPECT_TRUE(error.log.contains("f.c:3:2: warning: careful")) << error.log;
}

TEST_F(Compile, StopsAfterTheFirstFewErrors) {
    std::string body;
    for (int i = 0; i < 9; ++i) body += "    missing" + std::to_string(i) + "();\n";
    const auto error = error_of(compile(write("f.c", libbpf_probe(body))));
    EXPECT_TRUE(error.message.contains("missing4")) << error.message;
    EXPECT_FALSE(error.message.contains("missing5")) << error.message;
    EXPECT_TRUE(error.message.ends_with("... and 4 more errors")) << error.message;
    EXPECT_TRUE(error.log.contains("missing8")) << error.log;
}

TEST_F(Compile, SaysWhichPackageAMissingHeaderIsIn) {
    const auto error = error_of(compile(write("f.c", "#include <bpf/no_such.h>\n")));
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.contains("f.c:1:10: fatal error: 'bpf/no_such.h' file not found"))
        << error.message;
    EXPECT_EQ(error.hint, "apt-get install libbpf-dev");
}

TEST_F(Compile, TellsOfABrokenSourceBeforeAMissingProgram) {
    const auto error = error_of(compile(write("f.c", "#include <bpf/bpf_helpers.h>\nint x = ;\n")));
    EXPECT_TRUE(error.message.contains("f.c: does not compile")) << error.message;
}

TEST_F(Compile, ListsTheProgramsToChooseFrom) {
    const auto source =
        write("f.c", libbpf_probe("", "SEC(\"xdp\") int g(struct xdp_md *c) { return 1; }\n"));
    const auto error = error_of(compile(source));
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(
        error.message.ends_with("f.c: several programs, choose one:\n"
                                "  g  SEC(\"xdp\")  f.c:3\n  f  SEC(\"xdp\")  f.c:4"))
        << error.message;
    EXPECT_EQ(error.hint, "--program NAME");
}

TEST_F(Compile, RefusesMapsOfTheOldKindByName) {
    const auto error = error_of(compile(write(
        "f.c", libbpf_probe("", "struct bpf_map_def SEC(\"maps\") flows = { .type = 1 };\n"))));
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.contains("map flows is defined by SEC(\"maps\")")) << error.message;
}

TEST_F(Compile, NamesTheSourceThatIsNotThere) {
    const auto error = error_of(compile(folder_ / "nothing.c"));
    EXPECT_EQ(error.code, Errc::NotFound);
    EXPECT_TRUE(error.message.contains("nothing.c: no such file")) << error.message;
}

TEST_F(Compile, NamesTheCompilerThatIsNotThere) {
    ::setenv("WEIR_CLANG", "/nowhere/clang", 1);
    const auto error = error_of(compile(write("f.c", libbpf_probe())));
    EXPECT_EQ(error.code, Errc::NotFound);
    EXPECT_EQ(error.message, "WEIR_CLANG: /nowhere/clang: no such program");
    EXPECT_EQ(error.hint, "apt-get install clang-19");
}

TEST_F(Compile, SaysThatItNeedsACompiler) {
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", folder_.c_str(), 1);
    const auto error = error_of(compile(write("f.c", libbpf_probe())));
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_EQ(error.code, Errc::NotFound);
    EXPECT_EQ(error.hint, "apt-get install clang-19");
}

TEST_F(Compile, GivesVmlinuxOfTheRunningKernelOnce) {
    if (!fs::exists("/sys/kernel/btf/vmlinux")) GTEST_SKIP() << "this kernel has no BTF";
    const std::string rest =
        "#include <bpf/bpf_helpers.h>\nSEC(\"xdp\") int f(struct xdp_md *ctx)\n"
        "{ struct task_struct *task = 0; return sizeof(task->pid) == 4 ? XDP_PASS : XDP_DROP; }\n";
    for (const char* include : {"#include <vmlinux.h>\n", "#include \"vmlinux.h\"\n"}) {
        const auto built = compile(write("f.c", include + rest));
        ASSERT_TRUE(built) << built.error().message;
        EXPECT_TRUE(is_wrapped(*built));
        EXPECT_TRUE(compile(folder_ / "f.c")->from_cache);
    }
    std::size_t headers = 0;
    for (const auto& item : fs::directory_iterator(folder_ / "cache"))
        if (fs::exists(item.path() / "vmlinux.h")) ++headers;
    EXPECT_EQ(headers, 1U);
}

TEST_F(Compile, PrefersTheAuthorsOwnVmlinux) {
    write("vmlinux.h",
          "typedef unsigned int __u32;\ntypedef unsigned long long __u64;\nenum { XDP_PASS = 2, "
          "MINE = 1 };\n"
          "struct xdp_md { __u32 data; };\n");
    const auto built =
        compile(write("f.c",
                      "#include \"vmlinux.h\"\n__attribute__((section(\"xdp\"), used))\n"
                      "int f(struct xdp_md *ctx) { return MINE; }\n"));
    EXPECT_TRUE(built) << built.error().message;
}

}  // namespace
}  // namespace weir::compile

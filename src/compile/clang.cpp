// SPDX-License-Identifier: Apache-2.0
#include "compile/clang.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

namespace weir::compile {
namespace fs = std::filesystem;
namespace {

constexpr int kOldestClang = 14;  // Debian 12's own
constexpr int kNewestClang = 40;  // where the search on PATH begins
constexpr const char* kLibbpfHeaders = "/usr/include/bpf";

#if defined(__x86_64__)
constexpr const char* kTargetArch = "x86";
constexpr const char* kMultiarch = "/usr/include/x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr const char* kTargetArch = "arm64";
constexpr const char* kMultiarch = "/usr/include/aarch64-linux-gnu";
#elif defined(__riscv)
constexpr const char* kTargetArch = "riscv";
constexpr const char* kMultiarch = "/usr/include/riscv64-linux-gnu";
#elif defined(__s390x__)
constexpr const char* kTargetArch = "s390";
constexpr const char* kMultiarch = "/usr/include/s390x-linux-gnu";
#elif defined(__powerpc64__)
constexpr const char* kTargetArch = "powerpc";
constexpr const char* kMultiarch = "/usr/include/powerpc64le-linux-gnu";
#else
#error "which __TARGET_ARCH_* has this machine?"
#endif

/// The compiler at a path, when a program lies there.
std::optional<Clang> clang_at(const fs::path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    if (::access(path.c_str(), X_OK) != 0) return {};
    std::error_code unresolved;
    const fs::path real = fs::canonical(path, unresolved);
    return Clang{
        .path = path.string(),
        .identity = fmt::format("{}\n{}\n{}.{}\n{}", path.string(), real.string(),
                                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size)};
}

std::optional<Clang> clang_on_path(const std::string& name) {
    const char* variable = std::getenv("PATH");
    std::string_view rest = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
    while (!rest.empty()) {
        const auto end = std::min(rest.find(':'), rest.size());
        if (end > 0)
            if (auto clang = clang_at(fs::path(rest.substr(0, end)) / name)) return clang;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

/// Flags that make foreign sources of another age compile: what they do stays the same.
std::vector<std::string> lenience(Dialect dialect) {
    // The wrapper inlines an entry that its author marked noinline, on purpose.
    std::vector<std::string> flags = {"-Wno-ignored-attributes", "-Wno-unknown-warning-option"};
    if (dialect != Dialect::Bcc) return flags;
    for (const char* name :
         {"gnu-folding-constant", "address-of-packed-member", "macro-redefined", "pointer-sign",
          "unused-value", "unused-function", "unused-variable", "int-conversion",
          "int-to-pointer-cast", "compare-distinct-pointer-types", "incompatible-pointer-types",
          "tautological-compare", "incompatible-pointer-types-discards-qualifiers",
          "gnu-variable-sized-type-not-at-end", "visibility", "return-type",
          "duplicate-decl-specifier"})
        flags.push_back(std::string("-Wno-") + name);
    return flags;
}

}  // namespace

Result<Clang> find_clang() {
    const std::string hint = "apt-get install clang-19";
    if (const char* chosen = std::getenv("WEIR_CLANG"); chosen != nullptr && *chosen != '\0') {
        const std::string name = chosen;
        if (auto clang = name.contains('/') ? clang_at(fs::absolute(name)) : clang_on_path(name))
            return *clang;
        return fail(Errc::NotFound, "WEIR_CLANG: " + name + ": no such program", hint);
    }
    if (auto clang = clang_on_path("clang-19")) return *clang;
    for (int version = kNewestClang; version >= kOldestClang; --version)
        if (auto clang = clang_on_path("clang-" + std::to_string(version))) return *clang;
    if (auto clang = clang_on_path("clang")) return *clang;
    return fail(Errc::NotFound, "no clang on PATH: it compiles the probe", hint);
}

std::vector<std::string> clang_flags(const Options& options, const FlagChoice& choice) {
    const std::string include_dir = fs::absolute(options.include_dir).string();
    std::vector<std::string> flags = {"-target", "bpf", "-O2", "-g", "-mcpu=v3", "-std=gnu17"};
    flags.insert(flags.end(),
                 {"-fno-stack-protector", "-fno-crash-diagnostics", "-fno-color-diagnostics"});
    flags.push_back(std::string("-D__TARGET_ARCH_") + kTargetArch);
    if (is_tc(choice.hook)) flags.emplace_back("-DWEIR_HOOK_TC=1");
    if (choice.hook == Hook::TcEgress) flags.emplace_back("-DWEIR_HOOK_EGRESS=1");
    for (const std::string& define : choice.bcc_defines) flags.push_back("-D" + define);
    // Elsewhere it only gives gnu/stubs-32.h, which the C library's headers (by <linux/icmp.h>) ask
    // for where the target is BPF.
    const bool is_kernels = choice.dialect == Dialect::Bcc || choice.with_kernel_names;
    flags.insert(flags.end(), {is_kernels ? "-I" : "-idirafter", include_dir + "/weir/bcc"});
    flags.push_back("-I" + include_dir);
    flags.push_back("-I" + choice.source_dir.string());
    flags.insert(flags.end(), {"-isystem", kMultiarch});
    // Sources that were built with libbpf beside them say <bpf_helpers.h>, without the folder.
    flags.insert(flags.end(), {"-idirafter", kLibbpfHeaders});
    for (auto& flag : lenience(choice.dialect)) flags.push_back(std::move(flag));
    flags.insert(flags.end(), options.cflags.begin(), options.cflags.end());
    return flags;
}

Result<ProcessOutput> run_clang(const Clang& clang, std::span<const std::string> flags,
                                std::string_view translation_unit) {
    std::vector<std::string> argv = {clang.path};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.insert(argv.end(), {"-o", "-", "-x", "c", "-"});
    auto output = run_process({.argv = std::move(argv), .input = translation_unit});
    if (!output) return wrap(output, "clang");
    return output;
}

}  // namespace weir::compile

// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_tools.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "model/runtime_info.h"
#include "util/file.h"
#include "util/paths.h"
#include "util/process.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCompiler = "compiler";
constexpr unsigned kMinimumClang = 14;

/// The first of PATH's folders that has the program; an ordinary user's PATH lacks the sbin
/// folders.
fs::path find_on_path(std::string_view name) {
    const char* path = std::getenv("PATH");
    const std::string folders = std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin";
    std::string_view rest = folders;
    while (!rest.empty()) {
        const std::size_t length = std::min(rest.find(':'), rest.size());
        const fs::path candidate = fs::path(rest.substr(0, length)) / name;
        if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    return {};
}

/// The major version; 0 where it cannot be told.
unsigned clang_version(const fs::path& clang) {
    const auto printed = run_process({.argv = {clang.string(), "-dumpversion"}});
    if (!printed || printed->exit_status != 0) return 0;
    unsigned version = 0;
    std::from_chars(printed->out.data(), printed->out.data() + printed->out.size(), version);
    return version;
}

/// 19, else what is on PATH from 14 on.
fs::path find_clang() {
    for (const char* name : {"clang-19", "clang", "clang-21", "clang-20", "clang-18", "clang-17",
                             "clang-16", "clang-15", "clang-14"}) {
        fs::path clang = find_on_path(name);
        if (!clang.empty() && clang_version(clang) >= kMinimumClang) return clang;
    }
    return {};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Compiles for the bpf target and gives what went wrong; empty: nothing.
std::string compile_error(const fs::path& clang, std::string_view source) {
    utsname names{};
    ::uname(&names);
    const std::string multiarch = fmt::format("-I/usr/include/{}-linux-gnu", names.machine);
    const auto ran = run_process({.argv = {clang.string(), "-target", "bpf", "-O2", "-g", multiarch,
                                           "-x", "c", "-c", "-", "-o", "/dev/null"},
                                  .input = source});
    if (!ran) return ran.error().message;
    return ran->exit_status == 0 ? "" : first_line(ran->err);
}

Finding compiler_finding(std::string feature, std::string outcome, std::string why) {
    return {.group = std::string(kCompiler),
            .feature = std::move(feature),
            .state = FindingState::Ok,
            .outcome = std::move(outcome),
            .why = std::move(why)};
}

Finding clang_finding(const fs::path& clang) {
    Finding finding = compiler_finding("clang with bpf target", {}, "probes given as source");
    if (clang.empty()) {
        finding.state = FindingState::No;
        finding.outcome = fmt::format("no clang >= {} on PATH", kMinimumClang);
        finding.why = "objects and shipped probes work without; else: apt-get install clang-19";
        return finding;
    }
    const std::string error = compile_error(clang, "int f(void) { return 0; }\n");
    finding.outcome = error.empty() ? fmt::format("{} (version {}) compiled a program",
                                                  clang.string(), clang_version(clang))
                                    : error;
    if (!error.empty()) finding.state = FindingState::No;
    return finding;
}

Finding headers_finding(const fs::path& clang) {
    Finding finding =
        compiler_finding("libbpf headers", {}, "sources that include <bpf/bpf_helpers.h>");
    if (clang.empty()) {
        finding.state = FindingState::NotApplicable;
        finding.outcome = "not tried without clang";
        return finding;
    }
    const std::string error =
        compile_error(clang, "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n");
    finding.outcome = error.empty() ? "both headers found" : error;
    if (error.empty()) return finding;
    finding.state = FindingState::No;
    finding.why = "apt-get install libbpf-dev linux-libc-dev";
    return finding;
}

Finding share_finding() {
    const auto share = share_dir();
    Finding finding =
        compiler_finding("weir's own files", {}, "headers for probes, shipped probes");
    finding.outcome = share ? share->string() : share.error().message;
    if (share) return finding;
    finding.state = FindingState::No;
    finding.why = share.error().hint;
    return finding;
}

/// Writes a file there and takes it away again.
Result<fs::path> try_cache() {
    auto folder = cache_dir();
    if (!folder) return folder;
    const fs::path trial = *folder / fmt::format("doctor.{}", ::getpid());
    if (auto r = write_atomically(trial, {}); !r) return pass_on(r);
    std::error_code ignored;
    fs::remove(trial, ignored);
    return folder;
}

Finding cache_finding() {
    const auto folder = try_cache();
    Finding finding = compiler_finding("cache folder", {}, "a second start runs no compiler");
    finding.outcome = folder ? folder->string() + ": file written" : folder.error().message;
    if (folder) return finding;
    finding.state = FindingState::No;
    finding.why = folder.error().hint;
    return finding;
}

Finding runtime_finding(const Result<model::RuntimeInfo>& runtime) {
    Finding finding{.group = "models",
                    .feature = "ONNX Runtime",
                    .state = FindingState::Ok,
                    .outcome = {},
                    .why = "neural networks: inject -m, replay -m, weir model"};
    if (runtime) {
        finding.outcome = fmt::format("{} ({})", runtime->path, runtime->version);
        return finding;
    }
    std::string tried = runtime.error().log;
    for (std::size_t at = 0; (at = tried.find('\n', at)) != std::string::npos; at += 2)
        tried.replace(at, 1, "; ");
    finding.state = FindingState::No;
    finding.outcome = "none that weir can use";
    finding.why =
        fmt::format("without it: no -m, no weir model; {}; tried: {}", runtime.error().hint, tried);
    return finding;
}

Finding cuda_finding(const Result<model::RuntimeInfo>& runtime) {
    Finding finding{.group = "models",
                    .feature = "CUDA",
                    .state = FindingState::NotApplicable,
                    .outcome = "not tried without ONNX Runtime",
                    .why = "models on a GPU: --device cuda"};
    if (!runtime) return finding;
    if (runtime->cuda) {
        finding.state = FindingState::Ok;
        finding.outcome = "ONNX Runtime has it";
        return finding;
    }
    finding.outcome = "not with this ONNX Runtime";
    finding.why = fmt::format("{}; models run on the CPU; {}", runtime->cuda.error().message,
                              runtime->cuda.error().hint);
    return finding;
}

struct Tool {
    std::string_view name;
    std::string_view package;
    std::string_view used_for;
};

constexpr std::array<Tool, 7> kTools{{
    {.name = "ip",
     .package = "iproute2",
     .used_for = "demo, tests: network namespaces, veth pairs"},
    {.name = "python3", .package = "python3", .used_for = "demo, tests: HTTP server, scripts"},
    {.name = "curl", .package = "curl", .used_for = "demo: HTTP clients"},
    {.name = "iperf3", .package = "iperf3", .used_for = "demo: bulk traffic"},
    {.name = "hping3", .package = "hping3", .used_for = "demo: a bounded SYN flood"},
    {.name = "tcpreplay", .package = "tcpreplay", .used_for = "tests: captures on the wire"},
    {.name = "tshark", .package = "tshark", .used_for = "tests of replay: what a dissector sees"},
}};

Finding tool_finding(const Tool& tool) {
    // Debian's own Python, not another one on PATH: it is the one that has the packages.
    const fs::path path = tool.name == "python3" && ::access("/usr/bin/python3", X_OK) == 0
                              ? fs::path("/usr/bin/python3")
                              : find_on_path(tool.name);
    Finding finding{.group = "tools",
                    .feature = std::string(tool.name),
                    .state = FindingState::Ok,
                    .outcome = path.string(),
                    .why = std::string(tool.used_for)};
    if (!path.empty()) return finding;
    finding.state = FindingState::No;
    finding.outcome = "not on PATH";
    finding.why += fmt::format("; not needed by weir itself; apt-get install {}", tool.package);
    return finding;
}

}  // namespace

void add_compiler(std::vector<Finding>& findings) {
    const fs::path clang = find_clang();
    findings.push_back(clang_finding(clang));
    findings.push_back(headers_finding(clang));
    findings.push_back(share_finding());
    findings.push_back(cache_finding());
}

void add_models(std::vector<Finding>& findings) {
    const auto runtime = model::runtime_info();
    findings.push_back(runtime_finding(runtime));
    findings.push_back(cuda_finding(runtime));
}

void add_tools(std::vector<Finding>& findings) {
    for (const Tool& tool : kTools) findings.push_back(tool_finding(tool));
}

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
// What clang printed, made fit for the author of a probe: the errors, at his own file:line:column.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "compile/clang.h"

namespace weir::compile {
namespace {

constexpr std::size_t kMaxErrors =
    5;  // the later ones mostly follow from the first; the log has all

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

bool has_severity(std::string_view line, std::string_view severity) {
    return line.starts_with(std::string(severity) + ": ") ||
           line.contains(": " + std::string(severity) + ": ");
}

bool is_error(std::string_view line) {
    return has_severity(line, "error") || has_severity(line, "fatal error");
}

bool is_include_chain(std::string_view line) {
    return line.starts_with("In file included from ") || line.starts_with("                 from ");
}

/// `2 errors generated.` and its kind.
bool is_count(std::string_view line) {
    return line.ends_with(" generated.") && !line.empty() && line[0] >= '0' && line[0] <= '9';
}

/// Writes the paths of the author's folder the way he named it: "/home/me/probe/" becomes "probe/".
void shorten_paths(std::string& line, const SourceName& source) {
    const auto folder = std::filesystem::path(source.absolute).parent_path() / "";
    const auto parent = std::filesystem::path(source.shown).parent_path();
    const std::string from = folder.string();
    const std::string to = parent.empty() ? "" : (parent / "").string();
    for (auto at = line.find(from); at != std::string::npos; at = line.find(from, at + to.size())) {
        const bool begins_path = at == 0 || std::string_view(" '\"").contains(line[at - 1]);
        if (begins_path)
            line.replace(at, from.size(), to);
        else
            at += from.size() - to.size();
    }
}

/// What is still open where the file ends, clang reports behind the #include that brought it.
void name_end_of_file(std::string& line, const SourceName& source) {
    if (!line.starts_with("<stdin>:")) return;
    const auto severity = line.find(": ");
    if (severity != std::string::npos) line.replace(0, severity, source.shown + ": at its end");
}

/// The author does not know of the generated text around his file, and named the file his own way.
std::vector<std::string> as_author_sees(std::string_view output, const SourceName& source) {
    std::vector<std::string> lines;
    for (auto& line : lines_of(output)) {
        if (is_include_chain(line) && line.contains("from <stdin>:")) continue;
        if (is_count(line)) continue;
        shorten_paths(line, source);
        name_end_of_file(line, source);
        lines.push_back(std::move(line));
    }
    return lines;
}

/// The blocks that begin with an error, each with its code lines, notes and include chain. A note
/// after a warning belongs to that.
std::string errors_among(const std::vector<std::string>& lines, const std::string& weir_headers) {
    std::string text;
    std::string chain;
    std::size_t errors = 0;
    bool is_in_error = false;  // the last line that was no note began one
    bool is_kept = false;
    for (const auto& line : lines) {
        if (is_include_chain(line)) {
            chain.append("\n").append(line);
            continue;
        }
        if (is_error(line)) {
            is_in_error = ++errors <= kMaxErrors;
            is_kept = is_in_error;
        } else if (has_severity(line, "warning")) {
            is_in_error = false;
            is_kept = false;
        } else if (has_severity(line, "note")) {
            const bool is_ours =
                line.starts_with(weir_headers) || line.starts_with("<scratch space>");
            is_kept = is_in_error && !is_ours;
        }
        if (is_kept) text.append(chain).append("\n").append(line);
        chain.clear();
    }
    if (errors > kMaxErrors) text += fmt::format("\n... and {} more errors", errors - kMaxErrors);
    return text;
}

bool is_cplusplus(const SourceName& source) {
    static constexpr std::array<std::string_view, 4> kExtensions = {".cpp", ".cc", ".cxx", ".C"};
    const auto extension = std::filesystem::path(source.absolute).extension().string();
    return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

/// Which package brings a header that was not found.
std::string missing_header_hint(std::string_view message) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPackages = {{
        {"'bpf/", "apt-get install libbpf-dev"},
        {"'linux/", "apt-get install linux-libc-dev"},
        {"'asm/", "apt-get install linux-libc-dev"},
    }};
    if (!message.contains("file not found")) return {};
    for (const auto& [folder, hint] : kPackages)
        if (message.contains(folder)) return std::string(hint);
    return {};
}

}  // namespace

Error compile_error(const SourceName& source, const ProcessOutput& output) {
    const auto lines = as_author_sees(output.err, source);
    std::string errors = errors_among(lines, source.weir_headers);
    if (errors.empty()) errors = fmt::format("\nclang ended with status {}", output.exit_status);
    std::string hint = missing_header_hint(errors);
    if (hint.empty() && is_cplusplus(source)) hint = "probes are written in C, and this is C++";
    std::string log;
    for (const auto& line : lines) log.append(line).append("\n");
    return Error{.code = Errc::Invalid,
                 .message = source.shown + ": does not compile" + errors,
                 .log = std::move(log),
                 .hint = std::move(hint)};
}

}  // namespace weir::compile

// SPDX-License-Identifier: Apache-2.0
#include "bpf/load_error.h"

#include <fmt/format.h>

#include <cerrno>

#include "bpf/verifier_log.h"
#include "util/errno.h"

namespace weir::bpf {
namespace {

/// The text between the quotes that follow `before`, where `after` follows the second; or empty.
std::string quoted(std::string_view log, std::string_view before, std::string_view after) {
    const std::size_t end = log.find(after);
    if (end == std::string_view::npos) return {};
    const std::size_t begin = log.rfind(before, end);
    if (begin == std::string_view::npos) return {};
    return std::string(log.substr(begin + before.size(), end - begin - before.size()));
}

/// A function, a variable or a setting that the program wants and this kernel has not; or empty.
std::string missing_in_kernel(std::string_view log) {
    const std::string_view not_found = "': not found in kernel";
    if (const auto name = quoted(log, "extern (func ksym) '", not_found); !name.empty())
        return "function " + name;
    if (const auto name = quoted(log, "extern (var ksym) '", not_found); !name.empty())
        return "variable " + name;
    if (const auto name = quoted(log, "extern '", "' (strong): not resolved"); !name.empty())
        return name;
    return {};
}

}  // namespace

std::string last_line(std::string_view log) {
    while (!log.empty() && log.back() == '\n') log.remove_suffix(1);
    const std::size_t start = log.rfind('\n');
    std::string_view line = start == std::string_view::npos ? log : log.substr(start + 1);
    if (line.starts_with("libbpf: ")) line.remove_prefix(8);
    return std::string(line);
}

std::string reason_line(std::string_view log) {
    std::string_view rest = log;
    while (!rest.empty()) {
        const std::string line = last_line(rest);
        if (!line.empty() && !line.starts_with("failed to load object")) return line;
        while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
        rest.remove_suffix(rest.size() - (rest.rfind('\n') + 1));
    }
    return last_line(log);
}

std::string failed_map(std::string_view log) { return quoted(log, "map '", "': failed to create"); }

std::string missing_extern(std::string_view log) {
    return quoted(log, "failed to find BTF for extern '", "' [");
}

Error load_error(int number, std::string_view log) {
    if (const std::string missing = missing_in_kernel(log); !missing.empty()) {
        return {.code = Errc::Unsupported,
                .message = "this kernel has no " + missing,
                .log = std::string(log),
                .hint = "it may be newer, in a module that is not loaded, or not configured"};
    }
    const std::string program = quoted(log, "prog '", "': BPF program load failed");
    const std::string reason = essence(log);
    if (reason.contains("failed to resolve CO-RE relocation")) {
        return {.code = Errc::Unsupported,
                .message = "this kernel's types lack what the program reads:\n" + reason,
                .log = std::string(log)};
    }
    if (log.contains("Invalid format string")) {
        return {.code = Errc::Rejected,
                .message = fmt::format("{}: the kernel cannot format one of its messages", program),
                .log = std::string(log),
                .hint =
                    "conversions are %d %i %u %x with l or ll, %c, %s, %p, %pI4, %pI6, each with "
                    "its value; of an address, the address of it"};
    }
    if (!program.empty() && !reason.empty()) {
        return {.code = Errc::Rejected,
                .message = "the kernel's verifier rejects " + program + ":\n" + reason,
                .log = std::string(log),
                .hint = "--verbose prints the whole log"};
    }
    const Errc code =
        number == EINVAL || number == ENOENT ? Errc::Rejected : errc_from_errno(number);
    return {.code = code,
            .message = fmt::format("load: {}{}{}", errno_name(number), log.empty() ? "" : ": ",
                                   reason_line(log)),
            .log = std::string(log)};
}

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#include "bpf/load_error.h"

#include <fmt/format.h>

#include <cerrno>

#include "bpf/verifier_log.h"
#include "util/errno.h"

namespace weir::bpf {
namespace {

/// The name in "prog 'NAME': BPF program load failed", or empty.
std::string failed_program(std::string_view log) {
    const std::size_t end = log.find("': BPF program load failed");
    if (end == std::string_view::npos) return {};
    const std::size_t begin = log.rfind("prog '", end);
    if (begin == std::string_view::npos) return {};
    return std::string(log.substr(begin + 6, end - begin - 6));
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

std::string failed_map(std::string_view log) {
    const std::size_t end = log.find("': failed to create");
    if (end == std::string_view::npos) return {};
    const std::size_t begin = log.rfind("map '", end);
    if (begin == std::string_view::npos) return {};
    return std::string(log.substr(begin + 5, end - begin - 5));
}

Error load_error(int number, std::string_view log) {
    const std::string program = failed_program(log);
    const std::string reason = essence(log);
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

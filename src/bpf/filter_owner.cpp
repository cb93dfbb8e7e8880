// SPDX-License-Identifier: Apache-2.0
#include "bpf/filter_owner.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <sstream>
#include <vector>

#include "util/file.h"

namespace weir::bpf {
namespace {

// KERNEL: include/linux/proc_ns.h:PROC_PID_INIT_INO, since 3.8.
constexpr std::uint64_t kFirstPidNamespace = 0xEFFFFFFC;
constexpr std::string_view kPrefix = "weir:";

/// What /proc/PID/stat says of a process.
struct ProcessFacts {
    pid_t pid = 0;  // as the namespace of this /proc calls it
    char state = '?';
    int threads = 0;
    std::uint64_t start = 0;
};

template <class Number>
std::optional<Number> parse(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<ProcessFacts> facts_of(const std::string& process) {
    constexpr std::size_t kState = 0;  // field 3, the first behind the name
    constexpr std::size_t kThreads = 20 - 3;
    constexpr std::size_t kStart = 22 - 3;
    const auto text = read_text("/proc/" + process + "/stat");
    if (!text) return std::nullopt;
    const std::size_t name_end = text->rfind(')');  // the name in field 2 may hold anything
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(text->substr(name_end + 1));
    std::vector<std::string> fields;
    for (std::string field; fields.size() <= kStart && rest >> field;) fields.push_back(field);
    if (fields.size() <= kStart) return std::nullopt;
    return ProcessFacts{.pid = parse<pid_t>(text->substr(0, text->find(' '))).value_or(0),
                        .state = fields[kState].front(),
                        .threads = parse<int>(fields[kThreads]).value_or(0),
                        .start = parse<std::uint64_t>(fields[kStart]).value_or(0)};
}

std::uint64_t own_pid_namespace() {
    struct stat facts{};
    if (::stat("/proc/self/ns/pid", &facts) != 0 || facts.st_ino == kFirstPidNamespace) return 0;
    return facts.st_ino;
}

}  // namespace

FilterOwner own_filters() {
    const auto self = facts_of("self");
    return {
        .pid = ::getpid(), .start = self ? self->start : 0, .pid_namespace = own_pid_namespace()};
}

std::string filter_name(const FilterOwner& owner) {
    std::string name = fmt::format("{}{}:{}", kPrefix, owner.pid, owner.start);
    if (owner.pid_namespace != 0) name += fmt::format(":{}", owner.pid_namespace);
    return name;
}

std::optional<FilterOwner> parse_filter_name(std::string_view name) {
    if (!name.starts_with(kPrefix)) return std::nullopt;
    std::vector<std::string> parts;
    std::istringstream rest{std::string(name.substr(kPrefix.size()))};
    for (std::string part; std::getline(rest, part, ':');) parts.push_back(part);
    if (parts.size() != 2 && parts.size() != 3) return std::nullopt;
    const auto pid = parse<pid_t>(parts[0]);
    const auto start = parse<std::uint64_t>(parts[1]);
    const auto space = parts.size() == 3 ? parse<std::uint64_t>(parts[2]) : 0;
    if (!pid || *pid <= 0 || !start || !space) return std::nullopt;
    return FilterOwner{.pid = *pid, .start = *start, .pid_namespace = *space};
}

bool is_dead(const FilterOwner& owner) {
    if (owner.pid_namespace != own_pid_namespace()) return false;
    if (::kill(owner.pid, 0) != 0 && errno == ESRCH) return true;
    const auto self = facts_of("self");
    if (!self || self->pid != ::getpid()) return false;  // a /proc of another PID namespace
    const auto process = facts_of(std::to_string(owner.pid));
    if (!process) return false;
    // A leader that has ended, of threads that have not, is a zombie too.
    const bool has_ended =
        (process->state == 'Z' || process->state == 'X') && process->threads <= 1;
    return process->start != owner.start || has_ended;
}

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#include "util/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "util/file.h"

namespace weir {
namespace {

/// The first number behind `key`; none where there is none ("max" in a cgroup without a limit).
std::optional<std::uint64_t> number_behind(const std::string& text, std::string_view key) {
    const std::size_t at = text.find(key);
    if (at == std::string::npos) return std::nullopt;
    const std::size_t digits = text.find_first_not_of(" \t", at + key.size());
    if (digits == std::string::npos) return std::nullopt;
    std::uint64_t value = 0;
    const auto [stop, error] =
        std::from_chars(text.data() + digits, text.data() + text.size(), value);
    if (error != std::errc()) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
    auto text = read_text(path);
    return text ? number_behind(*text, "") : std::nullopt;
}

/// What the process's cgroup (v2, or the memory controller of v1) allows beyond what it uses.
std::optional<std::uint64_t> left_in_cgroup() {
    auto groups = read_text("/proc/self/cgroup");
    if (!groups) return std::nullopt;
    struct Kind {
        std::string_view line, folder, limit, usage;
    };
    constexpr std::array<Kind, 2> kKinds = {Kind{.line = "0::",
                                                 .folder = "/sys/fs/cgroup",
                                                 .limit = "memory.max",
                                                 .usage = "memory.current"},
                                            Kind{.line = ":memory:",
                                                 .folder = "/sys/fs/cgroup/memory",
                                                 .limit = "memory.limit_in_bytes",
                                                 .usage = "memory.usage_in_bytes"}};
    std::optional<std::uint64_t> least;
    for (const Kind& kind : kKinds) {
        const std::size_t at = groups->find(kind.line);
        if (at == std::string::npos) continue;
        const std::size_t start = at + kind.line.size();
        const std::string group = groups->substr(start, groups->find('\n', start) - start);
        const std::string folder = fmt::format("{}{}/", kind.folder, group == "/" ? "" : group);
        const auto limit = number_in(fmt::format("{}{}", folder, kind.limit));
        const auto usage = number_in(fmt::format("{}{}", folder, kind.usage));
        if (!limit || !usage) continue;
        const std::uint64_t left = *limit - std::min(*limit, *usage);
        least = std::min(least.value_or(left), left);
    }
    return least;
}

}  // namespace

Result<std::uint64_t> available_memory_bytes() {
    auto text = read_text("/proc/meminfo");
    if (!text) return pass_on(text);
    const auto kilobytes = number_behind(*text, "MemAvailable:");
    if (!kilobytes) return fail(Errc::Io, "/proc/meminfo has no MemAvailable");
    const std::uint64_t bytes = *kilobytes * 1024;
    return std::min(bytes, left_in_cgroup().value_or(bytes));
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::uint64_t kKilo = 1024;
    constexpr std::uint64_t kMega = kKilo * kKilo;
    if (bytes < 10 * kKilo) return fmt::format("{} B", bytes);
    if (bytes < 10 * kMega) return fmt::format("{} kB", bytes / kKilo);
    if (bytes < 10 * kKilo * kMega) return fmt::format("{} MB", bytes / kMega);
    return fmt::format("{} GB", bytes / kMega / kKilo);
}

}  // namespace weir

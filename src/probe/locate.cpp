// SPDX-License-Identifier: Apache-2.0
#include "probe/locate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include "bpf/elf.h"
#include "util/paths.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

bool starts_as_elf(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::array<char, 4> magic{};
    file.read(magic.data(), magic.size());
    return bpf::is_elf(std::as_bytes(std::span(magic)));
}

ProbeFile from_file(const fs::path& path) {
    return {.name = probe_name(path), .path = path, .is_object = starts_as_elf(path)};
}

std::vector<std::string> shipped_probes(const fs::path& share) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(share / "probes", ignored))
        if (entry.path().extension() == ".o") names.push_back(probe_name(entry.path()));
    std::ranges::sort(names);
    const auto twice = std::ranges::unique(names);  // NAME.bpf.o and NAME.tc.bpf.o
    names.erase(twice.begin(), twice.end());
    return names;
}

/// In a directory: NAME.bpf.o, NAME.bpf.c, ebpf.c (the classic injector's), else the only source.
Result<ProbeFile> from_directory(const fs::path& directory) {
    const std::string name = probe_name(directory);
    std::error_code ignored;
    for (const std::string& candidate : {name + ".bpf.o", name + ".bpf.c", std::string("ebpf.c")}) {
        if (!fs::is_regular_file(directory / candidate, ignored)) continue;
        ProbeFile file = from_file(directory / candidate);
        file.name = name;
        return file;
    }
    std::vector<fs::path> sources;
    for (const auto& entry : fs::directory_iterator(directory, ignored))
        if (entry.path().extension() == ".c") sources.push_back(entry.path());
    if (sources.size() == 1) return from_file(sources.front());
    return fail(Errc::Invalid,
                fmt::format("{}: {} in this directory", directory.string(),
                            sources.empty() ? "no probe source (.c)" : "several sources"),
                "name the file itself");
}

}  // namespace

Result<ProbeFile> locate_probe(const std::string& probe, const fs::path& share) {
    std::error_code ignored;
    const bool is_plain_word = !probe.contains('/') && !probe.contains('.');
    const fs::path shipped = share / "probes" / (probe + ".bpf.o");
    if (is_plain_word && fs::is_regular_file(shipped, ignored))
        return ProbeFile{.name = probe, .path = shipped, .is_object = true};
    const fs::path path(probe);
    if (fs::is_directory(path, ignored)) return from_directory(path);
    if (fs::exists(path, ignored)) {
        ProbeFile file = from_file(path);
        if (path.extension() == ".o" && !file.is_object)
            return fail(Errc::Invalid, fmt::format("{}: not an ELF object", probe));
        return file;
    }
    if (is_plain_word) {
        return fail(Errc::NotFound, fmt::format("{}: no such probe", probe),
                    fmt::format("shipped probes: {}", fmt::join(shipped_probes(share), ", ")));
    }
    return fail(Errc::NotFound, fmt::format("{}: no such file", probe));
}

fs::path object_for(const fs::path& object, std::optional<Hook> hook) {
    constexpr std::string_view kSuffix = ".bpf.o";
    const std::string name = object.filename().string();
    if (!hook || !is_tc(*hook) || !name.ends_with(kSuffix)) return object;
    const std::string stem = name.substr(0, name.size() - kSuffix.size());
    const fs::path for_tc = object.parent_path() / (stem + ".tc.bpf.o");
    std::error_code ignored;
    return fs::is_regular_file(for_tc, ignored) ? for_tc : object;
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "probe/entry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "weir/abi.h"

namespace weir {
namespace {

using bpf::ProgramKind;
using bpf::ProgramSpec;

std::string list_of(const std::vector<ProgramSpec>& programs) {
    std::vector<std::string> lines;
    lines.reserve(programs.size());
    for (const ProgramSpec& p : programs)
        lines.push_back(fmt::format("{} (SEC(\"{}\"))", p.function, p.section));
    return fmt::format("{}", fmt::join(lines, ", "));
}

bool may_be_xdp(const ProgramSpec& p) {
    return p.kind == ProgramKind::Xdp || p.kind == ProgramKind::Unknown;
}

/// The wrapper keeps the name of what it wraps (WEIR_WRAP); WEIR_PROBE puts a prefix before it.
std::string author_function(bpf::Object& object) {
    constexpr std::string_view kPrefix = "weir_probe_";
    const auto kept = object.constant("weir_function");
    if (!kept) return "weir_entry";
    // SAFETY: bytes to char; the length is the array's, the text ends at its NUL or there.
    const auto* text = reinterpret_cast<const char*>(kept->bytes.data());
    const std::string name(text, strnlen(text, kept->bytes.size()));
    return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

Result<ObjectEntry> wrapped_entry(bpf::Object& object) {
    const auto abi = object.constant("weir_abi");
    std::uint32_t version = 0;
    if (abi && abi->bytes.size() == sizeof(version))
        std::memcpy(&version, abi->bytes.data(), sizeof(version));
    if (version != WEIR_ABI_VERSION) {
        return fail(Errc::Unsupported,
                    fmt::format("built with weir's headers of ABI {}, this is ABI {}", version,
                                WEIR_ABI_VERSION),
                    "compile it again with the headers of this weir");
    }
    return ObjectEntry{.function = author_function(object),
                       .entry = "weir_entry",
                       .is_wrapped = true,
                       .notices = {}};
}

Result<ObjectEntry> entry_of(const ProgramSpec& p) {
    ObjectEntry entry{
        .function = p.function, .entry = p.function, .is_wrapped = false, .notices = {}};
    if (p.kind == ProgramKind::Unknown) {
        entry.notices.push_back(fmt::format("SEC(\"{}\") names no program type; {} is taken as XDP",
                                            p.section, p.function));
    }
    return entry;
}

}  // namespace

Result<ObjectEntry> find_entry(bpf::Object& object, const std::string& program) {
    const std::vector<ProgramSpec>& programs = object.programs();
    if (object.find_program("weir_entry") != nullptr) return wrapped_entry(object);
    std::vector<ProgramSpec> candidates;
    for (const ProgramSpec& p : programs)
        if (may_be_xdp(p)) candidates.push_back(p);
    if (!program.empty()) {
        const ProgramSpec* named = object.find_program(program);
        if (named != nullptr && may_be_xdp(*named)) return entry_of(*named);
        return fail(Errc::Invalid,
                    fmt::format("--program {}: {}", program,
                                named != nullptr ? "not an XDP program" : "no such program"),
                    "programs: " + list_of(programs));
    }
    for (const char* preferred : {"handle_rx", "handler"})
        for (const ProgramSpec& p : candidates)
            if (p.function == preferred) return entry_of(p);
    if (candidates.size() == 1) return entry_of(candidates.front());
    if (candidates.empty()) {
        return fail(Errc::Invalid, "no XDP program in it",
                    programs.empty() ? "it has no program at all" : "it has: " + list_of(programs));
    }
    return fail(Errc::Invalid, "several programs: " + list_of(candidates),
                "choose one with --program NAME");
}

}  // namespace weir

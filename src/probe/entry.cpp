// SPDX-License-Identifier: Apache-2.0
#include "probe/entry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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

/// A section whose name says nothing may hold a program for either kind of hook.
bool may_be(const ProgramSpec& p, bool for_tc) {
    return p.kind == (for_tc ? ProgramKind::Tc : ProgramKind::Xdp) ||
           p.kind == ProgramKind::Unknown;
}

const char* kind_name(bool for_tc) { return for_tc ? "tc" : "XDP"; }

Hook resolved(const compile::EntryWish& wish, bool for_tc) {
    return wish.hook.value_or(for_tc ? Hook::TcIngress : Hook::Xdp);
}

/// Where the user did not say that it is for tc, and it is.
std::vector<std::string> hook_notices(const compile::EntryWish& wish, bool for_tc,
                                      const std::string& function) {
    if (!for_tc || wish.hook) return {};
    return {function + " is a tc program: hook tc-ingress, or --hook tc-egress"};
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

Result<ObjectEntry> wrapped_entry(bpf::Object& object, const compile::EntryWish& wish) {
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
    const bool for_tc = object.find_program("weir_entry")->kind == ProgramKind::Tc;
    if (wish.hook && is_tc(*wish.hook) != for_tc) {
        return fail(
            Errc::Invalid,
            fmt::format("built with weir's headers for {}, this is {}", for_tc ? "tc" : "xdp",
                        hook_name(*wish.hook)),
            for_tc ? "compile it without -DWEIR_HOOK_TC" : "compile it with -DWEIR_HOOK_TC=1");
    }
    const std::string function = author_function(object);
    return ObjectEntry{.function = function,
                       .entry = "weir_entry",
                       .is_wrapped = true,
                       .hook = resolved(wish, for_tc),
                       .notices = hook_notices(wish, for_tc, function)};
}

ObjectEntry entry_of(const ProgramSpec& p, const compile::EntryWish& wish, bool for_tc) {
    ObjectEntry entry{.function = p.function,
                      .entry = p.function,
                      .is_wrapped = false,
                      .hook = resolved(wish, for_tc),
                      .notices = hook_notices(wish, for_tc, p.function)};
    if (p.kind == ProgramKind::Unknown) {
        entry.notices.push_back(fmt::format("SEC(\"{}\") names no program type; {} is taken as {}",
                                            p.section, p.function, kind_name(for_tc)));
    }
    return entry;
}

/// The kind of hook that the object's programs are for, where the user did not say.
bool is_tc_meant(const std::vector<ProgramSpec>& programs) {
    return std::ranges::none_of(programs, [](const auto& p) { return may_be(p, false); }) &&
           std::ranges::any_of(programs, [](const auto& p) { return may_be(p, true); });
}

Result<ObjectEntry> named_entry(bpf::Object& object, const compile::EntryWish& wish) {
    const ProgramSpec* named = object.find_program(wish.program);
    // Without --hook, the program says which.
    const bool for_tc =
        wish.hook ? is_tc(*wish.hook) : named != nullptr && named->kind == ProgramKind::Tc;
    if (named != nullptr && may_be(*named, for_tc)) return entry_of(*named, wish, for_tc);
    return fail(Errc::Invalid,
                fmt::format("--program {}: {}", wish.program,
                            named == nullptr ? "no such program"
                            : for_tc         ? "not a tc program"
                                             : "not an XDP program"),
                "programs: " + list_of(object.programs()));
}

std::unexpected<Error> no_entry(const std::vector<ProgramSpec>& programs, bool for_tc) {
    const bool is_for_other =
        std::ranges::any_of(programs, [&](const auto& p) { return may_be(p, !for_tc); });
    return fail(Errc::Invalid,
                is_for_other ? fmt::format("no {} program in it, only {} ones: {}",
                                           kind_name(for_tc), kind_name(!for_tc), list_of(programs))
                             : fmt::format("no {} program in it", kind_name(for_tc)),
                is_for_other       ? (for_tc ? "--hook xdp" : "--hook tc-ingress")
                : programs.empty() ? "it has no program at all"
                                   : "it has: " + list_of(programs));
}

}  // namespace

Result<ObjectEntry> find_entry(bpf::Object& object, const compile::EntryWish& wish) {
    const std::vector<ProgramSpec>& programs = object.programs();
    if (object.find_program("weir_entry") != nullptr) return wrapped_entry(object, wish);
    if (!wish.program.empty()) return named_entry(object, wish);
    const bool for_tc = wish.hook ? is_tc(*wish.hook) : is_tc_meant(programs);
    std::vector<ProgramSpec> candidates;
    for (const ProgramSpec& p : programs)
        if (may_be(p, for_tc)) candidates.push_back(p);
    for (const char* preferred : {"handle_rx", "handler"})
        for (const ProgramSpec& p : candidates)
            if (p.function == preferred) return entry_of(p, wish, for_tc);
    if (candidates.size() == 1) return entry_of(candidates.front(), wish, for_tc);
    if (candidates.empty()) return no_entry(programs, for_tc);
    return fail(Errc::Invalid, "several programs: " + list_of(candidates),
                "choose one with --program NAME");
}

}  // namespace weir

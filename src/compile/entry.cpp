// SPDX-License-Identifier: Apache-2.0
#include "compile/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "util/nearest.h"

namespace weir::compile {
namespace {

using Functions = std::vector<const Function*>;

constexpr std::string_view kNativeEntry = "weir_entry";  // what WEIR_PROBE defines

bool has_prefix(std::string_view section, std::string_view prefix) {
    return section == prefix || section.starts_with(std::string(prefix) + "/");
}

/// A name that libbpf 1.x knows for programs of the xdp hook.
bool is_known_xdp(std::string_view section) {
    return has_prefix(section, "xdp") || has_prefix(section, "xdp.frags");
}

/// Runs behind a redirect into such a map, never on an interface.
bool is_behind_redirect(std::string_view section) {
    return section.starts_with("xdp") && (section.contains("devmap") || section.contains("cpumap"));
}

/// A name for other hooks that libbpf 1.x knows; there, struct xdp_md does not make it an xdp
/// program.
bool is_other_hook(std::string_view section) {
    static constexpr std::array kPrefixes = std::to_array<std::string_view>(
        {"freplace",       "fentry",    "fentry.s",   "fexit",        "fexit.s",
         "fmod_ret",       "kprobe",    "kretprobe",  "kprobe.multi", "ksyscall",
         "uprobe",         "uretprobe", "usdt",       "tracepoint",   "tp",
         "raw_tp",         "tp_btf",    "perf_event", "syscall",      "lsm",
         "lsm.s",          "iter",      "struct_ops", "socket",       "sockops",
         "sk_skb",         "sk_msg",    "sk_lookup",  "sk_reuseport", "netfilter",
         "flow_dissector", "lwt_in",    "lwt_out",    "lwt_xmit",     "lwt_seg6local",
         "raw_tracepoint"});
    return section.starts_with("cgroup") ||
           std::ranges::any_of(kPrefixes, [&](auto prefix) { return has_prefix(section, prefix); });
}

bool is_tc_section(std::string_view section) {
    static constexpr std::array<std::string_view, 5> kPrefixes = {"tc", "tcx", "classifier",
                                                                  "action", "netkit"};
    return std::ranges::any_of(kPrefixes, [&](auto prefix) { return has_prefix(section, prefix); });
}

/// Of these, what libbpf 1.x knows.
bool is_known_tc(std::string_view section) {
    static constexpr std::array kNames = std::to_array<std::string_view>(
        {"tc", "tc/ingress", "tc/egress", "tcx/ingress", "tcx/egress", "classifier", "action",
         "netkit/primary", "netkit/peer"});
    return std::ranges::find(kNames, section) != kNames.end();
}

bool is_in_text(const Function& f) { return f.section.empty() || f.section.starts_with(".text"); }

/// The section decides where it names a hook; SEC("xdp") with a __sk_buff that is never read loads.
bool is_for_tc(const Function& f) {
    if (is_known_xdp(f.section)) return false;
    return f.context == Context::Tc || is_tc_section(f.section);
}

/// A function with a section that makes it a program of this kind of hook.
bool is_program(const Function& f, bool for_tc) {
    if (is_in_text(f) || is_for_tc(f) != for_tc || is_behind_redirect(f.section)) return false;
    if (for_tc ? is_tc_section(f.section) : is_known_xdp(f.section)) return true;
    return f.context != Context::None && !is_other_hook(f.section);
}

/// A function without a section that can be nothing but a program of the BCC dialect.
bool is_bare_program(const Function& f, Context context) {
    return f.is_own && is_in_text(f) && !f.is_static && !f.is_inline && f.parameters == 1 &&
           f.context == context;
}

template <class Predicate>
Functions select(const Scan& scan, Predicate predicate) {
    Functions selected;
    for (const auto& f : scan.functions)
        if (predicate(f)) selected.push_back(&f);
    return selected;
}

/// One indented line for each function: its name, section and place.
std::string listed(const Functions& functions) {
    std::size_t width = 0;
    for (const auto* f : functions) width = std::max(width, f->name.size());
    std::string text;
    for (const auto* f : functions) {
        const auto section = f->section.empty() ? "no section" : "SEC(\"" + f->section + "\")";
        text += fmt::format("\n  {:<{}}  {}  {}:{}", f->name, width, section,
                            std::filesystem::path(f->file).filename().string(), f->line);
    }
    return text;
}

Context context_of(bool for_tc) { return for_tc ? Context::Tc : Context::Xdp; }
const char* kind_name(bool for_tc) { return for_tc ? "tc" : "XDP"; }

/// Everything a person could mean by "program" here: what --program accepts without surprise.
Functions programs_of(const Scan& scan, bool for_tc) {
    return select(scan, [for_tc](const Function& f) {
        const Context context = context_of(for_tc);
        return is_program(f, for_tc) || is_bare_program(f, context) ||
               (f.is_own && f.context == context && is_in_text(f) &&
                (f.name == "handle_rx" || f.name == "handler"));
    });
}

std::string hook_hint(bool for_tc) { return for_tc ? "--hook tc-ingress" : "--hook xdp"; }

/// Which kind of hook is meant where the user did not say.
bool is_tc_meant(const Scan& scan) {
    return programs_of(scan, false).empty() && !programs_of(scan, true).empty();
}

std::unexpected<Error> no_such_program(const Scan& scan, const std::string& name, bool for_tc) {
    const Functions programs = programs_of(scan, for_tc);
    std::vector<std::string> names;
    for (const auto* f : programs) names.push_back(f->name);
    const std::string meant = nearest(name, names);
    const std::string hint = meant.empty() ? "" : "did you mean --program " + meant + "?";
    if (programs.empty())
        return fail(Errc::Invalid, fmt::format("no function {}, and no {} program at all", name,
                                               kind_name(for_tc)));
    return fail(Errc::Invalid, "no function " + name + "; programs here:" + listed(programs), hint);
}

std::string section_notice(const Function& f, bool for_tc) {
    return fmt::format("SEC(\"{}\") is not a name libbpf 1.x knows; {} is taken for {} program",
                       f.section, f.name, for_tc ? "a tc" : "an xdp");
}

Result<Entry> wrapped(const Function& f, const EntryWish& wish) {
    const bool for_tc = is_for_tc(f);
    if (wish.hook && is_tc(*wish.hook) != for_tc)
        return fail(Errc::Invalid,
                    fmt::format("this is {} program:", for_tc ? "a tc" : "an XDP") + listed({&f}),
                    hook_hint(for_tc));
    Entry entry{.function = f.name,
                .wrapper = Wrapper::Context,
                .hook = wish.hook.value_or(for_tc ? Hook::TcIngress : Hook::Xdp),
                .notices = {}};
    if (f.parameters == 2 && (f.name == "handler" || f.name == "handle_rx"))
        entry.wrapper = Wrapper::BccMetadata;
    else if (f.parameters != 1)
        return fail(Errc::Invalid,
                    fmt::format("{} takes {} parameters; a program takes the context alone, "
                                "`struct {} *`",
                                f.name, f.parameters, for_tc ? "__sk_buff" : "xdp_md"));
    if (!is_in_text(f) && !(for_tc ? is_known_tc(f.section) : is_known_xdp(f.section)))
        entry.notices.push_back(section_notice(f, for_tc));
    if (for_tc && !wish.hook)
        entry.notices.push_back(f.name + " is a tc program: hook tc-ingress, or --hook tc-egress");
    return entry;
}

/// WEIR_PROBE(name) defines weir_entry and then, on the same line, the author's function.
Result<Entry> native_entry(const Scan& scan, const EntryWish& wish) {
    const std::string& program = wish.program;
    Functions authors;
    for (auto f = scan.functions.begin(); f != scan.functions.end(); ++f) {
        if (f->name != kNativeEntry) continue;
        const auto next = f + 1;
        const bool is_next =
            next != scan.functions.end() && next->file == f->file && next->line == f->line;
        authors.push_back(is_next ? &*next : &*f);
    }
    if (authors.size() > 1)
        return fail(Errc::Invalid, "several WEIR_PROBE in one source:" + listed(authors),
                    "one source holds one probe");
    if (!program.empty() && program != authors[0]->name)
        return fail(Errc::Invalid,
                    "no function " + program + "; the probe here is:" + listed(authors));
    return Entry{.function = authors[0]->name,
                 .wrapper = Wrapper::Inside,
                 .hook = wish.hook.value_or(Hook::Xdp),
                 .notices = {}};
}

/// handle_rx and handler are entries by name when they take a context first; a callback that
/// happens to be called handler does not.
const Function* entry_by_name(const Scan& scan, bool for_tc) {
    for (const std::string_view name : {"handle_rx", "handler"}) {
        const auto named = select(scan, [&](const Function& f) {
            return f.is_own && f.name == name && f.context != Context::None &&
                   is_for_tc(f) == for_tc && (f.parameters == 1 || f.parameters == 2);
        });
        if (!named.empty()) return named[0];
    }
    return nullptr;
}

std::unexpected<Error> no_program(const Scan& scan, bool for_tc) {
    if (const auto others = programs_of(scan, !for_tc); !others.empty())
        return fail(Errc::Invalid,
                    fmt::format("no {} program here, only {} ones:", kind_name(for_tc),
                                kind_name(!for_tc)) +
                        listed(others),
                    hook_hint(!for_tc));
    const auto others = select(scan, [](const Function& f) { return f.is_own && !is_in_text(f); });
    return fail(Errc::Invalid,
                fmt::format("no {} program in it", kind_name(for_tc)) +
                    (others.empty() ? "" : "; programs here:" + listed(others)),
                for_tc ? "write SEC(\"tc\") int NAME(struct __sk_buff *ctx)"
                       : "write SEC(\"xdp\") int NAME(struct xdp_md *ctx)");
}

Result<Entry> only_program(const Scan& scan, const EntryWish& wish, bool for_tc) {
    auto programs = select(scan, [for_tc](const Function& f) { return is_program(f, for_tc); });
    // Next to programs with a section, a function without one is a subprogram.
    if (programs.empty())
        programs = select(
            scan, [for_tc](const Function& f) { return is_bare_program(f, context_of(for_tc)); });
    if (programs.size() == 1) return wrapped(*programs[0], wish);
    if (programs.empty()) return no_program(scan, for_tc);
    return fail(Errc::Invalid, "several programs, choose one:" + listed(programs),
                "--program NAME");
}

}  // namespace

Result<Entry> choose_entry(const Scan& scan, const EntryWish& wish) {
    if (!scan.old_maps.empty())
        return fail(Errc::Invalid,
                    "map " + scan.old_maps[0] +
                        " is defined by SEC(\"maps\"), which libbpf 1.x cannot load",
                    "define it in SEC(\".maps\") with __uint and __type");
    const auto is_native = [](const Function& f) { return f.name == kNativeEntry; };
    if (std::ranges::any_of(scan.functions, is_native)) return native_entry(scan, wish);
    const bool for_tc = wish.hook ? is_tc(*wish.hook) : is_tc_meant(scan);
    if (!wish.program.empty()) {
        const auto named = select(scan, [&](const Function& f) { return f.name == wish.program; });
        if (named.empty()) return no_such_program(scan, wish.program, for_tc);
        return wrapped(*named[0], wish);
    }
    if (const Function* f = entry_by_name(scan, for_tc)) return wrapped(*f, wish);
    return only_program(scan, wish, for_tc);
}

}  // namespace weir::compile

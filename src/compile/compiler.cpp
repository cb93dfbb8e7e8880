// SPDX-License-Identifier: Apache-2.0
#include "compile/compiler.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "compile/cache.h"
#include "compile/clang.h"
#include "compile/dialect.h"
#include "compile/entry.h"
#include "compile/scan.h"
#include "compile/vmlinux.h"
#include "util/file.h"
#include "util/hash.h"
#include "util/paths.h"

namespace weir::compile {
namespace fs = std::filesystem;
namespace {

/// Raised when a change in this folder makes another object of the same source and options.
constexpr int kRules = 3;

/// One call of compile(): what is known of the source so far.
struct Job {
    SourceName source;
    Clues clues;
    const Options& options;
    Clang clang;
    fs::path cache;
    FlagChoice choice;
    std::vector<std::string> flags;
    std::optional<fs::path> generated;  // folder of our own vmlinux.h, where the source uses it
};

/// What bpf/weir/bcc/prelude.h has to bring for the entry this source will have: one that takes
/// packet metadata as its second parameter finds the struct there, all others bring their own.
std::vector<std::string> bcc_defines(const Clues& clues, const std::string& program) {
    if (clues.dialect != Dialect::Bcc) return {};
    std::vector<std::string> defines;
    if (clues.logs) defines.emplace_back("WEIR_BCC_LOGS");
    if (clues.punts) defines.emplace_back("WEIR_BCC_PUNTS");
    const bool is_handle_rx =
        clues.handle_rx_parameters > 0 && (program.empty() || program == "handle_rx");
    const bool is_handler =
        clues.handler_parameters > 0 && (program.empty() || program == "handler");
    if (is_handle_rx && clues.handle_rx_parameters == 2)
        defines.emplace_back("WEIR_BCC_METADATA");
    else if (is_handler && !is_handle_rx)
        defines.emplace_back("WEIR_BCC_HANDLER");
    return defines;
}

/// The key of everything that decides the object, but the contents of the files that go in.
std::string cache_key(const SourceName& source, const Options& options, const Clang& clang) {
    std::string text = std::to_string(kRules);
    const auto add = [&text](std::string_view part) {
        text += std::to_string(part.size()) + ':';
        text += part;
    };
    add(source.absolute);
    add(fs::absolute(options.include_dir).string());
    add(options.program);
    add(options.hook ? hook_name(*options.hook) : "");
    add(clang.identity);
    for (const auto& flag : options.cflags) add(flag);
    // Flags may name folders relative to the current one.
    std::error_code gone;
    if (!options.cflags.empty()) add(fs::current_path(gone).string());
    for (const char* name : {"CPATH", "C_INCLUDE_PATH"}) {  // clang's own search path
        const char* value = std::getenv(name);
        add(value != nullptr ? value : "");
    }
    return content_hash(text);
}

constexpr const char* kEntryHeader = "#include <weir/entry.h>\n";

/// The author's file, behind what its dialect needs.
std::string authors_text(const Job& job) {
    std::string text;
    if (job.clues.dialect == Dialect::Bcc) text = "#include <weir/bcc/prelude.h>\n";
    if (job.clues.dialect == Dialect::Libbpf) text = "#include <weir/foreign_clock.h>\n";
    if (job.choice.with_kernel_names) text += "#include <weir/kernel_names.h>\n";
    return text + "#include \"" + job.source.absolute + "\"\n";
}

std::string wrapper_for(const Entry& entry) {
    switch (entry.wrapper) {
        case Wrapper::Inside: return "";
        case Wrapper::Context:
            return std::string(kEntryHeader) + "WEIR_WRAP(" + entry.function + ")\n";
        case Wrapper::BccMetadata:
            return std::string(kEntryHeader) + "WEIR_WRAP_BCC_HANDLER(" + entry.function + ")\n";
    }
    return "";
}

Result<ProcessOutput> run(const Job& job, std::initializer_list<const char*> action,
                          const std::string& text) {
    std::vector<std::string> flags(action.begin(), action.end());
    flags.insert(flags.end(), job.flags.begin(), job.flags.end());
    // Last, so that a vmlinux.h of the author's own is found first.
    if (job.generated) flags.insert(flags.end(), {"-idirafter", job.generated->string()});
    auto output = run_clang(job.clang, flags, text);
    if (!output || output->exit_status == 0) return output;
    return std::unexpected(compile_error(job.source, *output));
}

Result<> add_vmlinux(Job& job) {
    auto folder = vmlinux_folder(job.cache);
    if (!folder) return wrap(folder, job.source.shown);
    job.generated = std::move(*folder);
    return {};
}

/// Runs the preprocessor. Where the source wants a vmlinux.h and has none, it gets the running
/// kernel's.
Result<std::string> preprocess(Job& job) {
    // The wrapper's headers are inputs too, hence in here.
    const std::string text = authors_text(job) + kEntryHeader;
    if (job.clues.includes_vmlinux) {
        if (auto r = add_vmlinux(job); !r && r.error().code != Errc::Unsupported) return pass_on(r);
    }
    auto output = run(job, {"-E", "-DWEIR_SCAN_ONLY"}, text);
    if (!output && !job.generated && output.error().log.contains("'vmlinux.h' file not found")) {
        if (auto r = add_vmlinux(job); !r) return pass_on(r);
        output = run(job, {"-E", "-DWEIR_SCAN_ONLY"}, text);
    }
    if (!output) return pass_on(output);
    return std::move(output->out);
}

/// The entry; where there is none, a source that does not even compile is told that instead.
Result<Entry> find_entry(const Job& job, const Scan& scan) {
    auto entry = choose_entry(scan, {.program = job.options.program, .hook = job.options.hook});
    if (entry) return entry;
    if (scan.old_maps.empty()) {
        auto checked = run(job, {"-fsyntax-only"}, authors_text(job));
        if (!checked) return pass_on(checked);
    }
    return wrap(entry, job.source.shown);
}

/// Our own vmlinux.h is stood for by the kernel it was made from: a hit need not hash 3 MB.
std::vector<std::string> input_paths(const Job& job, const Scan& scan) {
    std::vector<std::string> paths;
    for (const auto& file : scan.files) {
        const bool is_generated = job.generated && fs::path(file).parent_path() == *job.generated;
        paths.push_back(is_generated ? kKernelTypes : fs::absolute(file).string());
    }
    return paths;
}

Result<Compiled> build_once(Job& job, const std::string& key) {
    auto preprocessed = preprocess(job);
    if (!preprocessed) return pass_on(preprocessed);
    const Scan scan =
        scan_source(*preprocessed, {.weir_headers = fs::absolute(job.options.include_dir)});
    auto entry = find_entry(job, scan);
    if (!entry) return pass_on(entry);
    if (is_tc(entry->hook) && !is_tc(job.choice.hook)) {  // the headers have been those for xdp
        job.choice.hook = entry->hook;
        job.flags = clang_flags(job.options, job.choice);
        return build_once(job, key);
    }

    const auto paths = input_paths(job, scan);
    const auto before = hash_inputs(paths);
    auto output = run(job, {"-c"}, authors_text(job) + wrapper_for(*entry));
    if (!output) {  // without the wrapper behind it nothing but the author's own errors is said
        auto alone = run(job, {"-fsyntax-only"}, authors_text(job));
        return alone ? pass_on(output) : pass_on(alone);
    }
    const auto after = hash_inputs(paths);

    Compiled compiled;
    const auto elf = std::as_bytes(std::span(output->out));
    compiled.elf.assign(elf.begin(), elf.end());
    compiled.dialect = job.clues.dialect;
    compiled.hook = job.choice.hook;
    compiled.function = entry->function;
    compiled.notices = entry->notices;
    // A file that was edited meanwhile: the object is good, but nobody knows of which content.
    if (!before || !after || *before != *after) return compiled;
    // A full disk costs the next start its time, not this one its probe.
    if (auto r = store_cached(job.cache, key, compiled, *after); !r)
        compiled.notices.push_back("not kept for the next start: " + r.error().message);
    return compiled;
}

/// Is it the kernel's own names that this source misses? Its samples are compiled inside its tree.
bool lacks_kernel_names(const Error& error) {
    static constexpr auto kNames = std::to_array<std::string_view>(
        {"'u8'", "'u16'", "'u32'", "'u64'", "'s8'", "'s16'", "'s32'", "'s64'", "'__packed'",
         "'__force'", "'struct vlan_hdr'"});
    return std::ranges::any_of(kNames, [&](auto name) { return error.log.contains(name); });
}

/// Only a source that does not compile without the kernel's names gets them: others bring their
/// own.
Result<Compiled> build(Job& job, const std::string& key) {
    auto built = build_once(job, key);
    if (built || job.clues.dialect != Dialect::Libbpf || !lacks_kernel_names(built.error()))
        return built;
    job.choice.with_kernel_names = true;
    job.flags = clang_flags(job.options, job.choice);
    auto again = build_once(job, key);
    return again ? std::move(again) : std::move(built);
}

}  // namespace

Result<Compiled> compile(const fs::path& source, const Options& options) {
    const SourceName name{.shown = source.string(),
                          .absolute = fs::absolute(source).lexically_normal().string(),
                          .weir_headers = fs::absolute(options.include_dir).string()};
    if (name.absolute.find_first_of("\"\n") != std::string::npos)
        return fail(Errc::Invalid,
                    name.shown + ": a source's name can hold no quotes and no newlines");
    auto text = read_text(source);
    if (!text) return pass_on(text);
    auto clang = find_clang();
    if (!clang) return pass_on(clang);
    auto cache = cache_dir();
    if (!cache) return pass_on(cache);
    const std::string key = cache_key(name, options, *clang);
    if (auto hit = find_cached(*cache, key)) return std::move(*hit);

    const Clues clues = read_clues(*text, name.absolute);
    const FlagChoice choice{.dialect = clues.dialect,
                            .hook = options.hook.value_or(Hook::Xdp),
                            .bcc_defines = bcc_defines(clues, options.program),
                            .source_dir = fs::path(name.absolute).parent_path()};
    Job job{.source = name,
            .clues = clues,
            .options = options,
            .clang = std::move(*clang),
            .cache = std::move(*cache),
            .choice = choice,
            .flags = clang_flags(options, choice),
            .generated = {}};
    return build(job, key);
}

}  // namespace weir::compile

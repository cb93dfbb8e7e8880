// SPDX-License-Identifier: Apache-2.0
#include "extract/plugin_source.h"

#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <string>

#include "compile/cache.h"
#include "util/file.h"
#include "util/hash.h"
#include "util/paths.h"
#include "util/process.h"
#include "weir/extractor.h"

namespace weir::extract {
namespace fs = std::filesystem;
namespace {

/// The first executable of that name on PATH; a name with a slash is a path itself.
fs::path find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
    const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    std::string folders = path != nullptr ? path : "/usr/bin";
    folders += ':';
    std::size_t start = 0;
    for (std::size_t end = folders.find(':'); end != std::string::npos;
         start = end + 1, end = folders.find(':', start)) {
        const fs::path candidate = fs::path(folders.substr(start, end - start)) / name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
}

Result<fs::path> find_compiler() {
    const char* chosen = std::getenv("CXX");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (chosen != nullptr && *chosen != '\0') {
        if (auto path = find_program(chosen); !path.empty()) return path;
        return fail(Errc::NotFound, std::string("no compiler $CXX = ") + chosen);
    }
    for (const char* name : {"c++", "g++", "clang++"})
        if (auto path = find_program(name); !path.empty()) return path;
    return fail(Errc::NotFound, "no C++ compiler on PATH",
                "install g++, or build the extractor elsewhere and give the .so");
}

/// The files of a make rule "target: a b \ c", in which a backslash keeps a space.
std::vector<std::string> files_of_rule(const std::string& rule) {
    std::vector<std::string> files;
    std::string file;
    for (std::size_t i = rule.find(':') + 1; i < rule.size(); ++i) {
        const bool is_kept = rule[i] == '\\' && i + 1 < rule.size() && rule[i + 1] == ' ';
        const bool is_end =
            std::isspace(static_cast<unsigned char>(rule[i])) != 0 || (rule[i] == '\\' && !is_kept);
        if (is_kept) ++i;
        if (!is_end) file += rule[i];
        if (is_end && !file.empty()) files.push_back(std::exchange(file, {}));
    }
    if (!file.empty()) files.push_back(file);
    return files;
}

/// Two files of this process's own in the cache folder, gone with it.
class Outputs {
public:
    explicit Outputs(const fs::path& cache)
        : library_(cache / ("plugin-" + std::to_string(::gettid()) + ".so")),
          rule_(library_.string() + ".d") {}
    Outputs(const Outputs&) = delete;
    Outputs& operator=(const Outputs&) = delete;
    ~Outputs() {
        std::error_code ignored;
        fs::remove(library_, ignored);
        fs::remove(rule_, ignored);
    }
    [[nodiscard]] const fs::path& library() const { return library_; }
    [[nodiscard]] const fs::path& rule() const { return rule_; }

private:
    fs::path library_, rule_;
};

/// Changes when another compiler is installed there.
std::string identity_of(const fs::path& compiler) {
    std::error_code ignored;
    const auto when = fs::last_write_time(fs::canonical(compiler, ignored), ignored);
    return compiler.string() + "@" + std::to_string(when.time_since_epoch().count());
}

}  // namespace

Result<std::vector<std::byte>> compile_plugin(const fs::path& source, const fs::path& share) {
    if (auto text = read_text(source); !text) return pass_on(text);
    auto compiler = find_compiler();
    if (!compiler) return pass_on(compiler);
    auto cache = cache_dir();
    if (!cache) return pass_on(cache);
    std::vector<std::string> command = {
        compiler->string(), "-std=c++23",        "-O2", "-g", "-fPIC", "-shared", "-I",
        share / "cxx",      fs::absolute(source)};
    std::string all = identity_of(*compiler) + " abi " + std::to_string(kExtractorAbi);
    for (const std::string& word : command) all += '\n' + word;
    const std::string key = "plugin-" + content_hash(all);
    if (auto hit = compile::find_cached(*cache, key)) return std::move(hit->elf);

    const Outputs outputs(*cache);
    command.insert(command.end(), {"-o", outputs.library(), "-MD", "-MF", outputs.rule()});
    auto child = run_process({.argv = command});
    if (!child) return wrap(child, "compiler");
    if (child->exit_status != 0) {
        Error error{.code = Errc::Invalid,
                    .message = source.string() + ": does not compile\n" + child->err};
        return std::unexpected(std::move(error));
    }
    auto library = read_bytes(outputs.library());
    if (!library) return library;
    auto rule = read_text(outputs.rule());
    auto inputs = compile::hash_inputs(files_of_rule(rule ? *rule : ""));
    // What cannot be kept costs the next start its time, not this one its extractor.
    if (rule && inputs) {
        compile::Compiled compiled;
        compiled.elf = *library;
        (void)compile::store_cached(*cache, key, compiled, *inputs);
    }
    return library;
}

}  // namespace weir::extract

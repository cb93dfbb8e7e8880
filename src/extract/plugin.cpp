// SPDX-License-Identifier: Apache-2.0
#include "extract/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "util/errno.h"
#include "util/fd.h"

namespace weir::extract {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPluginSymbol = "weir_extractor_plugin";
constexpr const char* kPythonSymbol = "weir_make_python_extractor";

/// What the library that embeds Python exports. `python_dir` holds the package `weir`.
using MakePython = Extractor* (*)(const char* script, const char* python_dir);

Result<std::shared_ptr<void>> open_library(const std::string& path) {
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        return fail(Errc::Invalid, ::dlerror());  // NOLINT(concurrency-mt-unsafe)
    return std::shared_ptr<void>(handle, [](void* h) { ::dlclose(h); });
}

/// A path of the file that no library had before, by "." and "//" in it: the dynamic loader takes a
/// name that it knows for the library that it has, however the file has changed (glibc,
/// elf/dl-load.c:_dl_map_object). So a plugin that was built again is loaded again.
std::string new_name(const fs::path& file) {
    static std::atomic<unsigned> loaded = 0;
    std::string path = file.parent_path();
    for (unsigned n = loaded++; n != 0; n /= 2) path += n % 2 == 0 ? "//" : "/.";
    return path + "/" + file.filename().string();
}

Result<> check_abi(const ExtractorPlugin& plugin) {
    const ExtractorPlugin ours;
    if (plugin.abi != ours.abi)
        return fail(
            Errc::Unsupported,
            fmt::format("built for extractor ABI {}, this weir has {}", plugin.abi, ours.abi),
            "build it again with this weir's headers");
    if (plugin.window_bytes != ours.window_bytes || plugin.table_bytes != ours.table_bytes)
        return fail(Errc::Unsupported, "built with another compiler or standard library than weir",
                    "build it with the system's g++, or give weir the .cpp");
    return {};
}

/// The constructor is the plugin's own code.
Result<std::unique_ptr<Extractor>> make_fenced(const ExtractorPlugin& plugin) {
    try {
        return std::unique_ptr<Extractor>(plugin.make());
    } catch (const std::exception& e) {
        return fail(Errc::Invalid, std::string("its constructor: ") + e.what());
    } catch (...) {
        return fail(Errc::Invalid, "its constructor threw something that is no std::exception");
    }
}

Result<LoadedExtractor> extractor_in(std::shared_ptr<void> library) {
    // SAFETY: WEIR_EXTRACTOR alone defines that symbol; what is behind it says its own version.
    const auto* plugin = static_cast<const ExtractorPlugin*>(::dlsym(library.get(), kPluginSymbol));
    if (plugin == nullptr)
        return fail(Errc::Invalid, "no extractor in it", "WEIR_EXTRACTOR(YourClass); is missing");
    if (auto r = check_abi(*plugin); !r) return pass_on(r);
    auto extractor = make_fenced(*plugin);
    if (!extractor) return pass_on(extractor);
    return LoadedExtractor{.library = std::move(library), .extractor = std::move(*extractor)};
}

}  // namespace

Result<LoadedExtractor> load_plugin(const fs::path& library) {
    auto opened = open_library(new_name(fs::absolute(library)));
    if (!opened) return wrap(opened, library.string());
    auto loaded = extractor_in(std::move(*opened));
    if (!loaded) return wrap(loaded, library.string());
    return loaded;
}

Result<LoadedExtractor> load_plugin(std::span<const std::byte> library, const std::string& name) {
    const UniqueFd file(::memfd_create("weir-extractor", MFD_CLOEXEC));
    if (auto r = check_errno(file.get(), "memfd"); !r) return pass_on(r);
    const ssize_t written = ::write(file.get(), library.data(), library.size());
    if (written != static_cast<ssize_t>(library.size())) return fail(Errc::Io, "memfd: no room");
    auto opened = open_library(new_name(fmt::format("/proc/self/fd/{}", file.get())));
    if (!opened) return wrap(opened, name);
    auto loaded = extractor_in(std::move(*opened));
    if (!loaded) return wrap(loaded, name);
    return loaded;
}

Result<LoadedExtractor> load_python(const fs::path& script, const fs::path& share) {
    const fs::path python_dir = share / "python";
    auto opened = open_library(python_dir / "libweir_python.so");
    if (!opened)
        return fail(Errc::Unsupported, "Python extractors: " + opened.error().message,
                    "weir needs python3 of the version that it was built with");
    // SAFETY: only our own library has a function of that name.
    const auto make = reinterpret_cast<MakePython>(::dlsym(opened->get(), kPythonSymbol));
    if (make == nullptr)
        return fail(Errc::Unsupported, "Python extractors: not built for this weir");
    return LoadedExtractor{
        .library = std::move(*opened),
        .extractor = std::unique_ptr<Extractor>(make(script.c_str(), python_dir.c_str()))};
}

}  // namespace weir::extract

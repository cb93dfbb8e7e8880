// SPDX-License-Identifier: Apache-2.0
#include "util/paths.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "util/errno.h"

namespace weir {
namespace fs = std::filesystem;
namespace {

/// The value of an environment variable; empty when it is unset.
std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

bool is_folder(const fs::path& path) {
    std::error_code ignored;  // an unreadable place is as good as none
    return fs::is_directory(path, ignored);
}

bool is_file(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

fs::path model_file(const fs::path& folder) { return folder / "model.onnx"; }

std::string user_name(uid_t uid) {
    std::array<char, 4096> buffer = {};
    struct passwd entry = {};
    struct passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return "user " + std::to_string(uid);
    return found->pw_name;
}

Result<fs::path> cache_path() {
    if (auto chosen = from_environment("WEIR_CACHE"); !chosen.empty()) return fs::absolute(chosen);
    if (::geteuid() == 0) return "/var/cache/weir";
    if (auto xdg = from_environment("XDG_CACHE_HOME"); !xdg.empty()) return fs::path(xdg) / "weir";
    if (auto home = from_environment("HOME"); !home.empty()) return fs::path(home) / ".cache/weir";
    return fail(Errc::Invalid, "no place for the cache: HOME is not set",
                "set WEIR_CACHE to a folder of your own");
}

Result<> check_is_private(const fs::path& path) {
    const std::string hint = "set WEIR_CACHE to a folder of your own";
    struct stat status = {};
    if (auto r = check_errno(::stat(path.c_str(), &status), path.string()); !r) return r;
    if (!S_ISDIR(status.st_mode))
        return fail(Errc::Invalid, path.string() + ": the cache is not a folder", hint);
    if (status.st_uid != ::geteuid())
        return fail(Errc::Permission,
                    path.string() + ": the cache belongs to " + user_name(status.st_uid) +
                        ", not to " + user_name(::geteuid()),
                    hint);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(Errc::Permission,
                    path.string() + ": the cache of " + user_name(status.st_uid) +
                        " is writable for group or others",
                    "chmod go-w " + path.string());
    return {};
}

}  // namespace

std::string probe_name(const fs::path& path) {
    std::error_code ignored;  // a path that cannot be resolved has a name all the same
    if (is_folder(path)) return fs::weakly_canonical(path, ignored).filename().string();
    std::string name = path.filename().string();
    for (const std::string_view suffix : {".o", ".c", ".bpf", ".kern", ".tc"})
        if (name.size() > suffix.size() && name.ends_with(suffix))
            name = name.substr(0, name.size() - suffix.size());
    return name;
}

Result<fs::path> share_dir() {
    std::vector<fs::path> places;
    if (auto prefix = from_environment("WEIR_PREFIX"); !prefix.empty())
        places.push_back(fs::path(prefix) / "share/weir");
    std::error_code unreadable;
    const fs::path exe = fs::read_symlink("/proc/self/exe", unreadable);
    if (!unreadable) {
        places.push_back(exe.parent_path() / "share/weir");
        places.push_back((exe.parent_path() / "../share/weir").lexically_normal());
    }
    std::string tried;
    for (const auto& place : places) {
        if (is_folder(place)) return place;
        tried += (tried.empty() ? "" : ", ") + place.string();
    }
    return fail(Errc::NotFound, "weir's own files are missing: looked in " + tried,
                "set WEIR_PREFIX to the folder weir was installed under");
}

std::string named_model(const std::string& model) {
    const bool is_word = !model.empty() && !model.contains('/') && !model.contains('.');
    auto share = is_word ? share_dir() : Result<fs::path>(fs::path());
    if (!is_word || !share) return model;
    const fs::path file = model_file(*share / "models" / model);
    return is_file(file) ? file.string() : model;
}

std::vector<std::string> shipped_models() {
    std::vector<std::string> names;
    auto share = share_dir();
    if (!share) return names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(*share / "models", ignored))
        if (is_file(model_file(entry.path()))) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
}

Result<fs::path> cache_dir() {
    auto path = cache_path();
    if (!path) return path;
    if (!is_folder(*path)) {
        std::error_code error;
        fs::create_directories(path->parent_path(), error);  // mkdir below names what is wrong
        const int rc = ::mkdir(path->c_str(), S_IRWXU);
        if (rc < 0 && errno != EEXIST) {
            auto r = check_errno(rc, path->string() + ": cannot make the cache");
            return pass_on(r);
        }
    }
    if (auto r = check_is_private(*path); !r) return pass_on(r);
    return path;
}

}  // namespace weir

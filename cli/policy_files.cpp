// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_files.h"

#include "cli/inject_options.h"
#include "probe/locate.h"
#include "util/paths.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;

void add_probe_files(const std::string& probe, const fs::path& share, Paths& files) {
    const auto found = locate_probe(probe, share);
    const fs::path path = found ? found->path : fs::path(probe);  // it may come
    files.push_back(path);
    if (found && found->is_object) return;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path.parent_path() / ".", ignored))
        if (entry.path().extension() == ".h") files.push_back(entry.path());
}

void add_model_files(const std::string& model, const std::string& profile, Paths& files) {
    if (!model.empty()) {
        const fs::path path(model);
        files.push_back(path);
        files.push_back(fs::path(path).replace_extension(".toml"));
        files.push_back(path.parent_path() / "model.toml");
    }
    const std::string named = profile.substr(0, profile.find(','));
    if (named.ends_with(".toml")) files.emplace_back(named);
}

}  // namespace

Result<> check_policy_files(const std::string& file, const Policy& policy) {
    for (const PolicyProbe& p : policy.probes) {
        const std::string where = file + ": probe " + p.name;
        if (auto r = check_files(p.probe.file, {.extractor = p.extractor, .model = p.model}); !r)
            return wrap(r, where);
        if (auto r = check_profile(p.model.profile); !r) return wrap(r, where);
    }
    return {};
}

Paths watched_files(const std::string& file, const Policy& policy) {
    Paths files = {file};
    const auto share = share_dir();
    for (const PolicyProbe& p : policy.probes) {
        add_probe_files(p.probe.file, share ? *share : fs::path(), files);
        if (!p.extractor.file.empty()) files.emplace_back(p.extractor.file);
        add_model_files(p.extractor.model, p.model.profile, files);
    }
    return files;
}

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/outputs.h"

#include <filesystem>

namespace weir::cli {
namespace {

/// One name for a file that is written in several ways.
std::string plain(const std::string& path) {
    if (path.empty()) return {};
    std::error_code error;
    const auto canonical = std::filesystem::weakly_canonical(path, error);
    return error ? path : std::filesystem::absolute(canonical, error).string();
}

}  // namespace

Result<Outputs> Outputs::create() {
    Outputs outputs;
    auto standard = Output::open("");
    if (!standard) return pass_on(standard);
    outputs.open_.emplace("", std::move(*standard));
    return outputs;
}

Result<> Outputs::open(const Policy& policy) {
    const std::scoped_lock lock(*mutex_);
    for (const PolicyProbe& probe : policy.probes) {
        const std::string path = plain(probe.report.output);
        if (open_.contains(path)) continue;
        auto output = Output::open(path);
        if (!output) return wrap(output, "probe " + probe.name + ": output");
        open_.emplace(path, std::move(*output));
    }
    return {};
}

Output Outputs::at(const std::string& path) const {
    const std::scoped_lock lock(*mutex_);
    const auto found = open_.find(plain(path));
    return found != open_.end() ? found->second : open_.at("");
}

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "engine/spec.h"

#include <fmt/format.h>

namespace weir {

Result<ProbeSpec> make_spec(const ProbeOptions& options, ProbeFile file) {
    if (!options.name.empty()) file.name = options.name;
    const std::string prefix = file.name + ".";
    ProbeSpec spec{.file = std::move(file),
                   .program = options.program,
                   .cflags = options.cflags,
                   .maps = {.window = options.window_maps, .persist = options.persist_maps},
                   .settings = {}};
    for (const auto& [target, value] : options.settings) {
        if (!target.starts_with(prefix))
            return fail(Errc::Invalid,
                        fmt::format("--set {}: the probe is called {}", target, spec.file.name));
        spec.settings.push_back({.target = target.substr(prefix.size()), .value = value});
    }
    return spec;
}

}  // namespace weir

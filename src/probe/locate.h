// SPDX-License-Identifier: Apache-2.0
#pragma once
// What -b names: a shipped probe, a directory, a source or an object. Touches nothing but the file
// system.
#include <filesystem>
#include <optional>
#include <string>

#include "weir/hook.h"
#include "weir/result.h"

namespace weir {

struct ProbeFile {
    std::string name;  // how the probe is called: "flows" for flows.bpf.c
    std::filesystem::path path;
    bool is_object = false;
};

/// `share`: where shipped probes lie (share/probes/NAME.bpf.o; for tc, NAME.tc.bpf.o).
/// Errors: NotFound (with the shipped probes as hint), Invalid (a directory with no or several
/// sources).
[[nodiscard]] Result<ProbeFile> locate_probe(const std::string& probe,
                                             const std::filesystem::path& share);

/// The object for this hook: of NAME.bpf.o, on tc, the NAME.tc.bpf.o beside it, where there is one.
[[nodiscard]] std::filesystem::path object_for(const std::filesystem::path& object,
                                               std::optional<Hook> hook);

}  // namespace weir

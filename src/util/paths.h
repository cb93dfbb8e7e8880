// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where weir's own files lie: the share folder (headers, shipped probes) and the private cache
// folder.
//
//     auto share = share_dir();      // <share>/include/weir/probe.h
//
// Ownership: plain values. Thread-safe as long as nobody changes the environment.
#include <filesystem>
#include <string>
#include <vector>

#include "weir/result.h"

namespace weir {

/// $WEIR_PREFIX/share/weir, else share/weir beside the executable, else ../share/weir from there.
/// Errors: NotFound, naming the places that were tried.
[[nodiscard]] Result<std::filesystem::path> share_dir();

/// The file of the model that is shipped under that name, share/models/NAME/model.onnx; whatever
/// else it is ("none", a path) as it is.
[[nodiscard]] std::string named_model(const std::string& model);

/// Names that named_model() knows, sorted; none where weir's own files are missing.
[[nodiscard]] std::vector<std::string> shipped_models();

/// How a probe is called unless somebody says otherwise: a folder's name, or a file's without .o,
/// .c, .bpf and .kern: "flows" for flows.bpf.c.
[[nodiscard]] std::string probe_name(const std::filesystem::path& path);

/// $WEIR_CACHE; else /var/cache/weir as root; else $XDG_CACHE_HOME/weir or ~/.cache/weir. Created
/// with mode 0700 where it is missing. Errors: Permission (owned by another user, whom the message
/// names, or writable for group or others: what lies there would be loaded into the kernel),
/// Invalid (neither HOME nor a cache variable set), Io.
[[nodiscard]] Result<std::filesystem::path> cache_dir();

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The files that a policy names: whether they are there, and which are watched. Pure functions of
// the file system. Thread-safe.
#include <filesystem>
#include <string>
#include <vector>

#include "weir/policy.h"
#include "weir/result.h"

namespace weir::cli {

/// That probes, extractors, models and profiles are there. Errors: as for inject, after the
/// policy's file and the probe's name.
[[nodiscard]] Result<> check_policy_files(const std::string& file, const Policy& policy);

/// The policy's own file; of each probe the source or object, headers beside a source, extractor,
/// model, and the profiles that would be taken for it. Not all need exist.
[[nodiscard]] std::vector<std::filesystem::path> watched_files(const std::string& file,
                                                               const Policy& policy);

}  // namespace weir::cli

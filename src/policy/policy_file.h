// SPDX-License-Identifier: Apache-2.0
#pragma once
// A policy in a TOML file (docs/policies.md).
//
//     auto policy = policy::read_policy("chain.toml");
//
// Ownership: plain values. Thread-safe.
#include <filesystem>

#include "weir/policy.h"
#include "weir/result.h"

namespace weir::policy {

/// Looks at the file alone: whether what it names exists is for others to say. Paths in it are
/// relative to its folder; those of the result are relative to here, or absolute. Settings carry
/// the probe's name as their prefix.
/// Errors: NotFound, Permission; Invalid, as "FILE:LINE: ...": not TOML (with the column), an
/// unknown key (with the nearest one), a value of the wrong type or outside its limits, no probe,
/// two of one name, a probe without `bpf` or without an interface; Io.
[[nodiscard]] Result<Policy> read_policy(const std::filesystem::path& file);

}  // namespace weir::policy

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A profile in a TOML file (docs/models.md, "Profiles").
#include <filesystem>

#include "model/profile.h"

namespace weir::model {

/// Errors: NotFound; Invalid, with the line: not TOML, an unknown key (with the nearest known one),
/// a value of the wrong type or outside its limits; Io.
[[nodiscard]] Result<Profile> read_profile(const std::filesystem::path& file);

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Keras puts into HDF5 besides numbers: texts and lists of texts, as attributes.
//
// Thread rule: one thread at a time, within an Hdf5Scope.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/hdf5.h"
#include "weir/result.h"

namespace weir::model::keras {

/// Errors: Invalid, with what HDF5 says.
[[nodiscard]] Result<H5File> open_h5(const std::filesystem::path& path);
/// A file in memory; copies the bytes. Errors: those of open_h5().
[[nodiscard]] Result<H5File> open_h5_bytes(std::string_view bytes);

/// Links that lead out of the file are not followed. Empty where there is no such object.
[[nodiscard]] H5Object open_object(hid_t parent, const std::string& path);

/// nullopt: there is none. Errors: Invalid (it is no text, or longer than any that Keras writes).
[[nodiscard]] Result<std::optional<std::string>> text_attribute(hid_t object, const char* name);
/// Also in pieces, NAME0, NAME1, ..., as Keras writes lists above 64 kB. nullopt: there is none.
[[nodiscard]] Result<std::optional<std::vector<std::string>>> list_attribute(
    hid_t object, const std::string& name);

}  // namespace weir::model::keras

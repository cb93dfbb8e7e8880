// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a Keras file in a child process. HDF5 1.10 reads past its memory on some broken files
// (H5O__msg_iterate_real decodes an attribute's lengths unchecked): that then is the child's end,
// and an error here. Memory and time of the child are limited.
//
// Thread rule: thread-safe; fork()s while no other thread is inside of HDF5.
#include "model/keras.h"

namespace weir::model::keras {

using ReadKeras = Result<KerasModel> (*)(const std::filesystem::path& path);

/// What `read` gives in the child, where it is called as if within an Hdf5Scope.
/// Errors: those of `read`; Invalid (the child broke down); Io (no process, no memory).
/// Cost: a fork(), about 1 ms.
[[nodiscard]] Result<KerasModel> read_in_child(ReadKeras read, const std::filesystem::path& path);

}  // namespace weir::model::keras

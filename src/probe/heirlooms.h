// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which maps of an object that is about to be loaded exist already: those that the second clone
// shares with the first, and the persistent ones that a patch takes over from the code it replaces.
// Pure functions; what they return is borrowed from its owner and lies beside the object's maps.
#include <span>
#include <vector>

#include "bpf/object.h"
#include "probe/clone_pair.h"
#include "probe/map_class.h"
#include "weir/result.h"

namespace weir {

/// By map; null: to be created.
using ExistingMaps = std::vector<const bpf::Map*>;

/// The persistent maps of the first clone.
[[nodiscard]] Result<ExistingMaps> shared_maps(const bpf::Object& object,
                                               std::span<const MapPolicy> policies,
                                               const bpf::LoadedObject& first);

/// The persistent maps of the predecessor that fit: of one name, kind, size and BTF type. Errors:
/// Rejected (one does not fit, or the new code has none of its name: each is named), unless the
/// state may be dropped.
[[nodiscard]] Result<ExistingMaps> find_heirlooms(const bpf::Object& object,
                                                  std::span<const MapPolicy> policies,
                                                  const Predecessor& predecessor);

}  // namespace weir

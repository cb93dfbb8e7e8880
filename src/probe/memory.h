// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a probe's maps, and reading them, will take, before the kernel is asked for it: an
// allocation that is too large ends in the kernel's out-of-memory killer, not in an error. Pure
// functions but for require_memory().
#include <cstdint>
#include <span>

#include "bpf/object.h"
#include "probe/map_class.h"
#include "weir/result.h"

namespace weir {

/// Bytes that the kernel takes for a map when it is created; 0 for kinds of which it is not known
/// beforehand. Source: kernel/bpf/{arraymap,hashtab,queue_stack_maps}.c.
[[nodiscard]] std::uint64_t estimate_map_bytes(const bpf::MapShape& shape);

/// The maps of both clones together, and what their drains hold (read_size.h): windowed and fixed
/// ones twice, persistent ones once.
[[nodiscard]] std::uint64_t estimate_pair_bytes(std::span<const bpf::MapSpec> maps,
                                                std::span<const MapPolicy> policies);

/// Errors: Io (more than there is; both figures are named).
[[nodiscard]] Result<> require_memory(std::uint64_t bytes);

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sizes of the flow tensors of an opened object (bpf/weir/flow.h): what --set PROBE.max_flows and
// --set PROBE.packets_per_flow change, before the maps exist. Pure functions on the object.
#include <cstdint>
#include <optional>

#include "bpf/object.h"
#include "weir/result.h"

namespace weir {

struct FlowTensorSize {
    std::optional<std::uint32_t> max_flows;         // none: as in the source
    std::optional<std::uint32_t> packets_per_flow;  // none: as in the source
};

[[nodiscard]] bool is_flow_tensor(const bpf::MapSpec& map);
[[nodiscard]] bool has_flow_tensor(const bpf::Object& object);

/// Sets map, type and constants of every flow tensor, and says in each map's shape how many flows
/// fit. Errors: Invalid (out of range; a map that says it is one and is not as flow.h makes it).
[[nodiscard]] Result<> size_flow_tensors(bpf::Object& object, const FlowTensorSize& size);

}  // namespace weir

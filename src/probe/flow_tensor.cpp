// SPDX-License-Identifier: Apache-2.0
#include "probe/flow_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "weir/abi.h"

namespace weir {
namespace {

constexpr std::uint32_t kMaxFlows = 1U << 26;    // 2^27 slots: more than any memory holds
constexpr std::uint32_t kMaxPackets = 1U << 20;  // of one flow
constexpr std::uint64_t kMaxRowBytes =
    1U << 29;  // KERNEL: BPF_MAX_VAR_OFF, include/linux/bpf_verifier.h

/// struct weir_flow_limits (bpf/weir/flow_heads.h).
struct Limits {
    std::uint32_t max_flows = 0;
    std::uint32_t slot_mask = 0;
    std::uint32_t packets_per_flow = 0;
};

/// The flow's type with another number of packets at its end; null where that is not what ends it,
/// or where they are more than a program can reach.
bpf::TypePtr with_packets(const bpf::Type& flow, std::uint32_t packets) {
    if (flow.members.empty() || flow.members.back().name != "packet") return nullptr;
    const bpf::Member& last = flow.members.back();
    if (last.type->kind != bpf::Type::Kind::Array) return nullptr;
    const std::uint64_t row = std::uint64_t{packets} * last.type->element->size_bytes;
    if (row > kMaxRowBytes) return nullptr;
    bpf::Type array = *last.type;
    array.count = packets;
    array.size_bytes = packets * array.element->size_bytes;
    bpf::Type copy = flow;
    constexpr std::uint32_t kAlignment = 8;  // of the bytes both ways
    const std::uint32_t bytes = last.bit_offset / 8 + array.size_bytes;
    copy.size_bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    copy.members.back().type = std::make_shared<const bpf::Type>(std::move(array));
    return std::make_shared<const bpf::Type>(std::move(copy));
}

Result<> size_one(bpf::Object& object, bpf::MapSpec& map, const FlowTensorSize& size) {
    const auto constant = object.constant("weir_limits_" + map.shape.name);
    bpf::MapSpec* heads = object.find_map(WEIR_FLOW_HEADS + map.shape.name);
    Limits limits;
    if (heads == nullptr || !constant || constant->bytes.size() != sizeof(limits))
        return fail(Errc::Invalid, "map " + map.shape.name + " is no flow tensor of weir/flow.h");
    std::memcpy(&limits, constant->bytes.data(), sizeof(limits));
    if (size.packets_per_flow && *size.packets_per_flow != limits.packets_per_flow) {
        auto type = with_packets(*map.shape.value, *size.packets_per_flow);
        if (!type)
            return fail(Errc::Invalid,
                        "map " + map.shape.name + " has no room for so many packets");
        if (auto r = map.set_value(std::move(type)); !r) return r;
        limits.packets_per_flow = *size.packets_per_flow;
    }
    if (size.max_flows) {
        limits.max_flows = *size.max_flows;
        const std::uint32_t slots = std::bit_ceil(2 * limits.max_flows);
        limits.slot_mask = slots - 1;
        if (auto r = map.set_max_entries(limits.max_flows); !r) return r;
        if (auto r = heads->set_max_entries(slots + 1); !r) return r;
    }
    map.shape.max_flows = limits.max_flows;
    std::memcpy(constant->bytes.data(), &limits, sizeof(limits));
    return {};
}

}  // namespace

bool is_flow_tensor(const bpf::MapSpec& map) {
    return std::ranges::find(map.tags, WEIR_TAG_FLOW_TENSOR) != map.tags.end();
}

bool has_flow_tensor(const bpf::Object& object) {
    return std::ranges::any_of(object.maps(), is_flow_tensor);
}

Result<> size_flow_tensors(bpf::Object& object, const FlowTensorSize& size) {
    if (size.max_flows.value_or(1) == 0 || size.max_flows.value_or(1) > kMaxFlows)
        return fail(Errc::Invalid, fmt::format("max_flows is 1 to {}", kMaxFlows));
    if (size.packets_per_flow.value_or(1) == 0 || size.packets_per_flow.value_or(1) > kMaxPackets)
        return fail(Errc::Invalid, fmt::format("packets_per_flow is 1 to {}", kMaxPackets));
    for (bpf::MapSpec& map : object.maps()) {
        if (!is_flow_tensor(map)) continue;
        if (auto r = size_one(object, map, size); !r) return r;
    }
    return {};
}

}  // namespace weir

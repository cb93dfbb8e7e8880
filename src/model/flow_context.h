// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a flow is besides its packets, and what its ends do in the rest of the window: a lone SYN is
// nothing, ten thousand a second to one address are an attack (docs/decisions/flow-context.md).
//
//     auto contexts = FlowContexts::fit(*table.flows, row_type, window);     // once
//     std::vector<FlowContext> all = contexts->of(table);                    // each window
//
// Ownership: plain values; borrows the layout. Thread rule: immutable.
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "model/ends.h"
#include "weir/flow_tensor.h"
#include "weir/result.h"

namespace weir::model {

/// Numbers of a flow. Rates are per second of the window's nominal length; what is said of ends
/// counts flows of the same protocol, as a flood of UDP says nothing of TCP. Source and destination
/// are those of FlowEnds.
enum class ContextNumber : std::uint8_t {
    FlowPackets,
    ForwardBytes,   ///< from the source
    BackwardBytes,  ///< from the destination
    Tcp,            ///< 1 or 0, as the next two
    Udp,
    Icmp,       ///< ICMPv6 too
    PairFlows,  ///< with the same source and destination
    SourceFlows,
    SourceUnanswered,  ///< share of the source's flows in which one end alone sent
    SourceLone,  ///< share of the source's flows in which it sent one packet at most, of those
                 ///< that are recorded
    DestinationFlows,
    DestinationPackets,
    DestinationUnanswered,
    DestinationLone,    ///< of flows to the destination
    ServiceFlows,       ///< to the same port of the destination
    ServiceUnanswered,  ///< of those flows
    ServiceLone,        ///< of those flows
};

constexpr std::size_t kContextNumbers = 17;

/// As profiles call them, in the enumeration's order.
constexpr std::array<std::string_view, kContextNumbers> kContextNames = {
    "flow.packets",
    "flow.forward_bytes",
    "flow.backward_bytes",
    "flow.tcp",
    "flow.udp",
    "flow.icmp",
    "pair.flows",
    "source.flows",
    "source.unanswered",
    "source.lone",
    "destination.flows",
    "destination.packets",
    "destination.unanswered",
    "destination.lone",
    "service.flows",
    "service.unanswered",
    "service.lone",
};

/// None: no such number.
[[nodiscard]] std::optional<ContextNumber> context_number(std::string_view name);

struct FlowContext {
    std::array<float, kContextNumbers> numbers = {};
    bool is_swapped = false;  ///< the flow's source is the destination of its key
};

/// What is counted of an end, or of a pair.
struct Tally {
    double flows = 0, packets = 0, unanswered = 0, lone = 0;
    Tally& operator+=(const Tally& o) {
        flows += o.flows;
        packets += o.packets;
        unanswered += o.unanswered;
        lone += o.lone;
        return *this;
    }
};

class FlowContexts {
public:
    /// Errors: Rejected: the flow's key or row lacks something (what WEIR_FLOW_TENSOR and struct
    /// weir_flow_key have).
    [[nodiscard]] static Result<FlowContexts> fit(const FlowLayout& layout, const Type& row,
                                                  std::chrono::nanoseconds window);

    /// Shape: one for each row. Cost: four lookups in hash tables a flow, 50 ns (bench/model.cpp),
    /// more where they leave the cache.
    [[nodiscard]] std::vector<FlowContext> of(const Table& table) const;

private:
    FlowContexts(const FlowLayout& layout, const Ends& ends, double window_s);
    [[nodiscard]] FlowContext own_numbers(const std::byte* row, const FlowEnds& flow) const;
    [[nodiscard]] Tally tally_of(const std::byte* row, const FlowEnds& flow) const;
    [[nodiscard]] std::size_t packets_from_source(const std::byte* row, bool is_swapped) const;

    const FlowLayout* layout_;
    Ends ends_;
    double window_s_;
    std::uint32_t forward_bytes_ = 0, backward_bytes_ = 0, direction_ = 0;  // places in the row
};

}  // namespace weir::model

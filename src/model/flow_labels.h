// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that says of each flow whether it is an attack: CSV with a header, as tools/traffic writes
// it. The columns source, destination, source_port, destination_port, protocol (a number, TCP, UDP
// or ICMP) and label (attack or benign) are read, others are not looked at.
//
//     auto labels = model::FlowLabels::read("flood.csv");
//     std::optional<bool> is_attack = labels->is_attack(flow);
//
// Ownership: plain values. Thread rule: immutable.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

#include "model/ends.h"
#include "weir/result.h"

namespace weir::model {

class FlowLabels {
public:
    /// Errors: NotFound, Io, Invalid (no such column; a line that is not as the header says, with
    /// its number; two lines that differ about a flow).
    [[nodiscard]] static Result<FlowLabels> read(const std::filesystem::path& file);

    /// Whichever end is the source. None: the file does not have the flow, or has another label
    /// than the two.
    [[nodiscard]] std::optional<bool> is_attack(const FlowEnds& flow) const;

private:
    /// Both ends, the lesser first, and the protocol.
    using Key = std::array<std::byte, 2 * (sizeof(Address) + sizeof(std::uint16_t)) + 1>;
    [[nodiscard]] static Key key_of(const FlowEnds& flow);

    std::map<Key, bool> flows_;
};

}  // namespace weir::model

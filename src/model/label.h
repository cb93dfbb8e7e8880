// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which flows of a capture are an attack, as the user says it: for data sets.
//
//     auto labels = model::Labels::parse({{"attacker=172.16.0.5", "victim=192.168.50.0/24"}});
//     labels->is_attack(flow);
//
// Ownership: plain values. Thread rule: immutable.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/ends.h"
#include "weir/result.h"

namespace weir::model {

/// An address and how many of its leading bits count: of all 128.
struct Subnet {
    Address address = {};
    unsigned bits = 128;
    [[nodiscard]] bool has(const Address& other) const;
};

/// "172.16.0.5", "10.0.0.0/8", "2001:db8::/32". Errors: Invalid.
[[nodiscard]] Result<Subnet> parse_subnet(std::string_view text);

class FlowLabels;

class Labels {
public:
    /// Each text is "attack" or "benign", for every flow, or lists of subnets: "attacker=A,B",
    /// "victim=C", both in one. Lists of several texts add up. A flow is an attack when it goes
    /// between an attacker and a victim, in either direction; where only one of the two is said,
    /// whoever is at the other end. "flows=FILE" goes with no other text: the file says it of each
    /// flow. Errors: Invalid, those of FlowLabels::read().
    [[nodiscard]] static Result<Labels> parse(std::span<const std::string> texts);

    /// Whether is_attack() looks at addresses.
    [[nodiscard]] bool needs_addresses() const { return has_subnets() || flows_ != nullptr; }
    /// None: nobody said it of this flow.
    [[nodiscard]] std::optional<bool> is_attack(const FlowEnds& flow) const;

private:
    [[nodiscard]] bool has_subnets() const { return !attackers_.empty() || !victims_.empty(); }
    [[nodiscard]] Result<> add_lists(std::string_view text);
    [[nodiscard]] bool is_between(const Address& attacker, const Address& victim) const;

    bool is_attack_ = false;  // where there are no subnets
    std::vector<Subnet> attackers_, victims_;
    std::shared_ptr<const FlowLabels> flows_;
};

}  // namespace weir::model

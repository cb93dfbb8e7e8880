// SPDX-License-Identifier: Apache-2.0
#include "model/label.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "model/flow_labels.h"

namespace weir::model {
namespace {

constexpr unsigned kAddressBits = 128;
constexpr unsigned kMappedBits = 96;  // before an IPv4 address in its IPv6 form
constexpr std::string_view kForm =
    "--label attacker=172.16.0.5,10.0.0.0/8, victim=..., flows=FILE.csv, attack, or benign";
constexpr std::string_view kFlows = "flows=";

/// Errors: none; false where it is no address.
bool read_address(const std::string& text, Subnet& subnet, unsigned& offset) {
    in6_addr six = {};
    in_addr four = {};
    if (::inet_pton(AF_INET6, text.c_str(), &six) == 1) {
        std::memcpy(subnet.address.data(), &six, sizeof(six));  // SAFETY: both have 16 bytes
        offset = 0;
        return true;
    }
    if (::inet_pton(AF_INET, text.c_str(), &four) != 1) return false;
    subnet.address[10] = subnet.address[11] = std::byte{0xff};
    // SAFETY: the last four of sixteen bytes.
    std::memcpy(subnet.address.data() + kMappedBits / 8, &four, sizeof(four));
    offset = kMappedBits;
    return true;
}

bool has_any(const std::vector<Subnet>& subnets, const Address& address) {
    return std::ranges::any_of(subnets, [&](const Subnet& s) { return s.has(address); });
}

std::unexpected<Error> refuse(std::string_view text, std::string_view what) {
    return fail(Errc::Invalid, fmt::format("--label {}: {}", text, what), std::string(kForm));
}

}  // namespace

bool Subnet::has(const Address& other) const {
    const std::size_t whole = bits / 8;
    if (std::memcmp(address.data(), other.data(), whole) != 0) return false;
    const unsigned rest = bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::byte>(0xff << (8 - rest));
    return (address[whole] & mask) == (other[whole] & mask);
}

Result<Subnet> parse_subnet(std::string_view text) {
    const std::size_t slash = text.find('/');
    Subnet subnet;
    unsigned offset = 0;
    if (!read_address(std::string(text.substr(0, slash)), subnet, offset))
        return fail(Errc::Invalid, fmt::format("{} is no address", text));
    if (slash == std::string_view::npos) return subnet;
    const std::string_view length = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [stop, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc() || stop != length.data() + length.size() ||
        bits > kAddressBits - offset)
        return fail(Errc::Invalid,
                    fmt::format("{}: a prefix has 0 to {} bits", text, kAddressBits - offset));
    subnet.bits = bits + offset;
    return subnet;
}

/// "attacker=A,B,victim=C": a word without a key belongs to the key before it.
Result<> Labels::add_lists(std::string_view text) {
    std::vector<Subnet>* list = nullptr;
    std::string_view rest = text;
    for (bool is_last = false; !is_last;) {
        std::string_view word = rest.substr(0, rest.find(','));
        is_last = word.size() == rest.size();
        rest.remove_prefix(is_last ? rest.size() : word.size() + 1);
        if (const std::size_t equals = word.find('='); equals != std::string_view::npos) {
            const std::string_view key = word.substr(0, equals);
            if (key != "attacker" && key != "victim")
                return refuse(text, fmt::format("{} is neither attacker nor victim", key));
            list = key == "attacker" ? &attackers_ : &victims_;
            word.remove_prefix(equals + 1);
        }
        if (list == nullptr) return refuse(text, "it does not say who that is");
        auto subnet = parse_subnet(word);
        if (!subnet) return refuse(text, subnet.error().message);
        list->push_back(*subnet);
    }
    return {};
}

Result<Labels> Labels::parse(std::span<const std::string> texts) {
    Labels labels;
    std::size_t whole = 0;
    for (const std::string& text : texts) {
        if (text == "attack" || text == "benign") {
            ++whole;
            labels.is_attack_ = text == "attack";
        } else if (text.starts_with(kFlows)) {
            if (texts.size() > 1) return refuse(text, "it goes with no other label");
            auto flows = FlowLabels::read(text.substr(kFlows.size()));
            if (!flows) return pass_on(flows);
            labels.flows_ = std::make_shared<const FlowLabels>(std::move(*flows));
            return labels;
        } else if (auto r = labels.add_lists(text); !r) {
            return pass_on(r);
        }
    }
    if (texts.empty()) return fail(Errc::Invalid, "no label", std::string(kForm));
    if (whole + (labels.has_subnets() ? 1 : 0) == 1) return labels;
    return fail(Errc::Invalid,
                "--label attack and --label benign are for every flow of the file, and go with no "
                "other label");
}

bool Labels::is_between(const Address& attacker, const Address& victim) const {
    return (attackers_.empty() || has_any(attackers_, attacker)) &&
           (victims_.empty() || has_any(victims_, victim));
}

std::optional<bool> Labels::is_attack(const FlowEnds& flow) const {
    if (flows_) return flows_->is_attack(flow);
    if (!has_subnets()) return is_attack_;
    return is_between(flow.source, flow.destination) || is_between(flow.destination, flow.source);
}

}  // namespace weir::model

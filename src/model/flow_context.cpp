// SPDX-License-Identifier: Apache-2.0
#include "model/flow_context.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <compare>
#include <cstring>
#include <random>
#include <utility>

namespace weir::model {
namespace {

/// Two words that say whose counts they are: an address, or two indexes.
struct Identity {
    std::uint64_t high = 0, low = 0;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
    bool operator==(const Identity&) const = default;
};

/// Gives equal identities equal, dense numbers: an open-addressing hash that is filled and thrown
/// away. Its seed is random: whoever forges addresses would otherwise choose those that collide.
class DenseIndex {
public:
    explicit DenseIndex(std::size_t most)
        : slots_(std::bit_ceil(std::max<std::size_t>(2 * most, 2)), kFree), seed_(random_seed()) {
        identities_.reserve(most);
    }

    std::uint32_t of(const Identity& identity) {
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = hash(identity) & mask;; at = (at + 1) & mask) {
            std::uint32_t& slot = slots_[at];
            if (slot == kFree) {
                slot = static_cast<std::uint32_t>(identities_.size());
                identities_.push_back(identity);
                return slot;
            }
            if (identities_[slot] == identity) return slot;
        }
    }
    [[nodiscard]] std::size_t size() const { return identities_.size(); }

private:
    static constexpr std::uint32_t kFree = ~std::uint32_t{0};

    static std::uint64_t random_seed() {
        std::random_device device;
        return std::uint64_t{device()} << 32 | device();
    }
    /// Source: the finalizer of MurmurHash3 (Appleby), over the words one after the other.
    static std::uint64_t mix(std::uint64_t word) {
        word = (word ^ word >> 33) * 0xff51afd7ed558ccdULL;
        word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53ULL;
        return word ^ word >> 33;
    }
    [[nodiscard]] std::uint64_t hash(const Identity& i) const {
        const std::uint64_t rest = std::uint64_t{i.port} << 8 | i.protocol;
        return mix(mix(mix(seed_ ^ i.high) ^ i.low) ^ rest);
    }

    std::vector<std::uint32_t> slots_;
    std::vector<Identity> identities_;
    std::uint64_t seed_;
};

/// Whose counts a flow shares.
struct Places {
    std::uint32_t pair = 0, source = 0, destination = 0, service = 0;
};

Identity identity_of(const Address& address, std::uint16_t port, std::uint8_t protocol) {
    const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(address);
    return {.high = words[0], .low = words[1], .port = port, .protocol = protocol};
}

std::uint64_t load_u64(const std::byte* at) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof(value));  // SAFETY: the member has eight bytes
    return value;
}

const Member* find(const Type& type, std::string_view name, std::size_t bytes) {
    const auto it = std::ranges::find(type.members, name, &Member::name);
    if (it == type.members.end() || it->bit_size != 0 || it->type->size_bytes != bytes)
        return nullptr;
    return &*it;
}

std::unexpected<Error> lacks(std::string_view what) {
    return fail(
        Errc::Rejected,
        fmt::format("what a flow's ends do in a window is told by {}, which the probe's flows "
                    "do not have",
                    what),
        "WEIR_FLOW_TENSOR with struct weir_flow_key has them, and a packet's is_backward");
}

}  // namespace

std::optional<ContextNumber> context_number(std::string_view name) {
    const auto it = std::ranges::find(kContextNames, name);
    if (it == kContextNames.end()) return std::nullopt;
    return static_cast<ContextNumber>(it - kContextNames.begin());
}

FlowContexts::FlowContexts(const FlowLayout& layout, const Ends& ends, double window_s)
    : layout_(&layout), ends_(ends), window_s_(window_s) {}

Result<FlowContexts> FlowContexts::fit(const FlowLayout& layout, const Type& row,
                                       std::chrono::nanoseconds window) {
    const Member* forward = find(row, "forward_bytes", sizeof(std::uint64_t));
    const Member* backward = find(row, "backward_bytes", sizeof(std::uint64_t));
    const Member* direction = find(*layout.packet, "is_backward", 1);
    const Ends ends(layout, row);
    if (!ends.has_addresses()) return lacks("the addresses in their key");
    if (forward == nullptr || backward == nullptr) return lacks("forward_bytes and backward_bytes");
    if (direction == nullptr) return lacks("is_backward");
    FlowContexts contexts(layout, ends, std::chrono::duration<double>(window).count());
    contexts.forward_bytes_ = forward->bit_offset / 8;
    contexts.backward_bytes_ = backward->bit_offset / 8;
    contexts.direction_ = layout.packet_offset + direction->bit_offset / 8;
    return contexts;
}

std::size_t FlowContexts::packets_from_source(const std::byte* row, bool is_swapped) const {
    std::size_t backward = 0;
    const std::size_t recorded = layout_->recorded(row);
    for (std::size_t j = 0; j < recorded; ++j)
        backward += std::to_integer<unsigned>(row[direction_ + j * layout_->packet_bytes]) & 1U;
    return is_swapped ? backward : recorded - backward;
}

/// What the flow is by itself.
FlowContext FlowContexts::own_numbers(const std::byte* row, const FlowEnds& flow) const {
    FlowContext context{.is_swapped = flow.is_swapped};
    const auto set = [&](ContextNumber which, double value) {
        context.numbers[static_cast<std::size_t>(which)] = static_cast<float>(value);
    };
    auto forward = static_cast<double>(load_u64(row + forward_bytes_));
    auto backward = static_cast<double>(load_u64(row + backward_bytes_));
    if (flow.is_swapped) std::swap(forward, backward);
    set(ContextNumber::FlowPackets, static_cast<double>(flow.packets) / window_s_);
    set(ContextNumber::ForwardBytes, forward / window_s_);
    set(ContextNumber::BackwardBytes, backward / window_s_);
    set(ContextNumber::Tcp, flow.protocol == IPPROTO_TCP ? 1 : 0);
    set(ContextNumber::Udp, flow.protocol == IPPROTO_UDP ? 1 : 0);
    const bool is_icmp = flow.protocol == IPPROTO_ICMP || flow.protocol == IPPROTO_ICMPV6;
    set(ContextNumber::Icmp, is_icmp ? 1 : 0);
    return context;
}

Tally FlowContexts::tally_of(const std::byte* row, const FlowEnds& flow) const {
    return {.flows = 1,
            .packets = static_cast<double>(flow.packets),
            .unanswered = load_u64(row + backward_bytes_) == 0 ? 1.0 : 0.0,
            .lone = packets_from_source(row, flow.is_swapped) <= 1 ? 1.0 : 0.0};
}

std::vector<FlowContext> FlowContexts::of(const Table& table) const {
    std::vector<FlowContext> contexts(table.rows);
    std::vector<Places> places(table.rows);
    DenseIndex ends(2 * table.rows), pairs(table.rows), services(table.rows);
    std::vector<Tally> of_source(2 * table.rows), of_destination(2 * table.rows);
    std::vector<Tally> of_pair(table.rows), of_service(table.rows);
    for (std::size_t i = 0; i < table.rows; ++i) {
        const std::byte* row = table.value(i);
        const FlowEnds flow = ends_.of(row);
        contexts[i] = own_numbers(row, flow);
        Places& own = places[i];
        own.source = ends.of(identity_of(flow.source, 0, flow.protocol));
        own.destination = ends.of(identity_of(flow.destination, 0, flow.protocol));
        own.service =
            services.of(identity_of(flow.destination, flow.destination_port, flow.protocol));
        own.pair = pairs.of({.high = own.source, .low = own.destination});
        const Tally tally = tally_of(row, flow);
        of_source[own.source] += tally;
        of_destination[own.destination] += tally;
        of_pair[own.pair] += tally;
        of_service[own.service] += tally;
    }
    for (std::size_t i = 0; i < table.rows; ++i) {
        const Tally& source = of_source[places[i].source];
        const Tally& destination = of_destination[places[i].destination];
        const auto set = [&](ContextNumber which, double value) {
            contexts[i].numbers[static_cast<std::size_t>(which)] = static_cast<float>(value);
        };
        set(ContextNumber::PairFlows, of_pair[places[i].pair].flows / window_s_);
        set(ContextNumber::SourceFlows, source.flows / window_s_);
        set(ContextNumber::SourceUnanswered, source.unanswered / source.flows);
        set(ContextNumber::SourceLone, source.lone / source.flows);
        set(ContextNumber::DestinationFlows, destination.flows / window_s_);
        set(ContextNumber::DestinationPackets, destination.packets / window_s_);
        set(ContextNumber::DestinationUnanswered, destination.unanswered / destination.flows);
        set(ContextNumber::DestinationLone, destination.lone / destination.flows);
        const Tally& service = of_service[places[i].service];
        set(ContextNumber::ServiceFlows, service.flows / window_s_);
        set(ContextNumber::ServiceUnanswered, service.unanswered / service.flows);
        set(ContextNumber::ServiceLone, service.lone / service.flows);
    }
    return contexts;
}

}  // namespace weir::model

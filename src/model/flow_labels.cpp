// SPDX-License-Identifier: Apache-2.0
#include "model/flow_labels.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/label.h"
#include "util/file.h"

namespace weir::model {
namespace {

enum Column : std::uint8_t { Source, Destination, SourcePort, DestinationPort, Protocol, Label };
constexpr std::size_t kColumns = 6;
constexpr std::array<std::string_view, kColumns> kNames = {
    "source", "destination", "source_port", "destination_port", "protocol", "label"};

std::string_view take_line(std::string_view& text) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    while (true) {
        const std::size_t comma = line.find(',');
        fields.push_back(line.substr(0, comma));
        if (comma == std::string_view::npos) return fields;
        line.remove_prefix(comma + 1);
    }
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::uint8_t> protocol_of(std::string_view text) {
    for (const auto& [name, number] :
         {std::pair<std::string_view, std::uint8_t>{"TCP", IPPROTO_TCP},
          {"UDP", IPPROTO_UDP},
          {"ICMP", IPPROTO_ICMP}})
        if (text == name) return number;
    return number_of<std::uint8_t>(text);
}

/// Where in a line the columns stand. Errors: Invalid, with those that are missing.
Result<std::array<std::size_t, kColumns>> read_header(std::string_view line) {
    const auto fields = fields_of(line);
    std::array<std::size_t, kColumns> places = {};
    for (std::size_t c = 0; c < kColumns; ++c) {
        const auto it = std::ranges::find(fields, kNames[c]);
        if (it == fields.end())
            return fail(Errc::Invalid, fmt::format("its first line has no column {}", kNames[c]));
        places[c] = static_cast<std::size_t>(it - fields.begin());
    }
    return places;
}

/// Errors: Invalid, with the field.
Result<FlowEnds> read_flow(const std::array<std::string_view, kColumns>& fields) {
    FlowEnds flow;
    const auto source = parse_subnet(fields[Source]);
    const auto destination = parse_subnet(fields[Destination]);
    if (!source) return fail(Errc::Invalid, source.error().message);
    if (!destination) return fail(Errc::Invalid, destination.error().message);
    flow.source = source->address;
    flow.destination = destination->address;
    const auto source_port = number_of<std::uint16_t>(fields[SourcePort]);
    const auto destination_port = number_of<std::uint16_t>(fields[DestinationPort]);
    const auto protocol = protocol_of(fields[Protocol]);
    if (!source_port || !destination_port) return fail(Errc::Invalid, "a port is 0 to 65535");
    if (!protocol) return fail(Errc::Invalid, fmt::format("{} is no protocol", fields[Protocol]));
    flow.source_port = *source_port;
    flow.destination_port = *destination_port;
    flow.protocol = *protocol;
    return flow;
}

}  // namespace

FlowLabels::Key FlowLabels::key_of(const FlowEnds& flow) {
    using End = std::pair<Address, std::uint16_t>;
    End first{flow.source, flow.source_port}, second{flow.destination, flow.destination_port};
    if (second < first) std::swap(first, second);
    Key key = {};
    std::byte* to = key.data();
    for (const End& end : {first, second}) {
        std::memcpy(to, end.first.data(), end.first.size());  // SAFETY: the key has room for both
        to += end.first.size();
        std::memcpy(to, &end.second, sizeof(end.second));
        to += sizeof(end.second);
    }
    *to = std::byte{flow.protocol};
    return key;
}

Result<FlowLabels> FlowLabels::read(const std::filesystem::path& file) {
    auto text = read_text(file);
    if (!text) return wrap(text, "labels");
    std::string_view rest = *text;
    const auto refuse = [&](std::size_t line, const std::string& what) {
        return fail(Errc::Invalid, fmt::format("labels: {}:{}: {}", file.string(), line, what));
    };
    auto places = read_header(take_line(rest));
    if (!places) return refuse(1, places.error().message);
    FlowLabels labels;
    for (std::size_t number = 2; !rest.empty(); ++number) {
        const std::string_view line = take_line(rest);
        if (line.empty()) continue;
        const auto all = fields_of(line);
        std::array<std::string_view, kColumns> fields;
        for (std::size_t c = 0; c < kColumns; ++c) {
            if ((*places)[c] >= all.size())
                return refuse(number, fmt::format("it has no {}", kNames[c]));
            fields[c] = all[(*places)[c]];
        }
        auto flow = read_flow(fields);
        if (!flow) return refuse(number, flow.error().message);
        if (fields[Label] != "attack" && fields[Label] != "benign") continue;
        const bool is_attack = fields[Label] == "attack";
        const auto [at, is_new] = labels.flows_.emplace(key_of(*flow), is_attack);
        if (!is_new && at->second != is_attack)
            return refuse(number, "a line above says something else of this flow");
    }
    return labels;
}

std::optional<bool> FlowLabels::is_attack(const FlowEnds& flow) const {
    const auto it = flows_.find(key_of(flow));
    return it != flows_.end() ? std::optional(it->second) : std::nullopt;
}

}  // namespace weir::model

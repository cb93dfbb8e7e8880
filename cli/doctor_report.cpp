// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace weir::cli {
namespace {

constexpr std::size_t kOutcomeWidth = 52;  // a longer outcome pushes its own "why" alone

const char* state_name(FindingState state) {
    switch (state) {
        case FindingState::Ok: return "ok";
        case FindingState::No: return "no";
        case FindingState::NotApplicable: return "n.a.";
    }
    return "?";
}

const char* colour_of(FindingState state) {
    switch (state) {
        case FindingState::Ok: return "\033[32m";
        case FindingState::No: return "\033[31m";
        case FindingState::NotApplicable: return "\033[33m";
    }
    return "";
}

std::string state_cell(FindingState state, Colour colour) {
    std::string padded = fmt::format("{:<4}", state_name(state));
    if (colour == Colour::Never) return padded;
    return colour_of(state) + padded + "\033[0m";
}

std::size_t widest(const std::vector<Finding>& findings, std::string Finding::* column) {
    std::size_t width = 0;
    for (const Finding& finding : findings) width = std::max(width, (finding.*column).size());
    return width;
}

std::string summary(const std::vector<Finding>& findings) {
    const Finding* blocking = first_blocking(findings);
    if (blocking == nullptr) return "weir inject can work here.\n";
    return fmt::format("weir inject cannot work here: {}: {}\n", blocking->feature,
                       blocking->outcome);
}

}  // namespace

std::string as_text(const std::vector<Finding>& findings, Colour colour) {
    const std::size_t feature_width = widest(findings, &Finding::feature);
    const std::size_t outcome_width = std::min(widest(findings, &Finding::outcome), kOutcomeWidth);
    std::string text;
    std::string group;
    for (const Finding& finding : findings) {
        if (finding.group != group) {
            fmt::format_to(std::back_inserter(text), "{}{}\n", group.empty() ? "" : "\n",
                           finding.group);
            group = finding.group;
        }
        std::string line = fmt::format("  {}  {:<{}}  {:<{}}  {}",
                                       state_cell(finding.state, colour), finding.feature,
                                       feature_width, finding.outcome, outcome_width, finding.why);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text + '\n' + summary(findings);
}

std::string as_json(const std::vector<Finding>& findings) {
    nlohmann::ordered_json array = nlohmann::ordered_json::array();
    for (const Finding& finding : findings) {
        array.push_back({{"group", finding.group},
                         {"feature", finding.feature},
                         {"state", state_name(finding.state)},
                         {"outcome", finding.outcome},
                         {"why", finding.why},
                         {"blocks_inject", finding.blocks.has_value()}});
    }
    // Paths may hold any byte; `replace` keeps dump() from throwing at one that is not UTF-8.
    return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

const Finding* first_blocking(const std::vector<Finding>& findings) {
    const auto found =
        std::ranges::find_if(findings, [](const Finding& f) { return f.blocks.has_value(); });
    return found == findings.end() ? nullptr : &*found;
}

}  // namespace weir::cli

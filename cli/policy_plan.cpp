// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "util/glob.h"
#include "util/memory.h"
#include "weir/abi.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

double seconds(std::chrono::nanoseconds length) {
    return std::chrono::duration<double>(length).count();
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

/// "PORT=443 max_flows=64k", without the probe's name.
std::string settings_text(const PolicyProbe& p) {
    std::string out;
    for (const auto& [target, value] : p.probe.settings)
        out +=
            fmt::format("{}{}={}", out.empty() ? "" : " ", target.substr(p.name.size() + 1), value);
    return or_dash(out);
}

/// Whether the probe is on the interface; on a glob, whether it has the very same.
bool is_on(const PolicyProbe& probe, const std::string& interface) {
    return std::ranges::any_of(probe.interfaces, [&](const std::string& pattern) {
        return pattern == interface || (!is_glob(interface) && matches(pattern, interface));
    });
}

bool has_chain(const std::vector<PlannedChain>& chains, const std::string& interface, Hook hook) {
    return std::ranges::any_of(
        chains, [&](const PlannedChain& c) { return c.interface == interface && c.hook == hook; });
}

const CheckReport& report_of(std::size_t probe, Hook hook,
                             const std::vector<CheckedProbe>& checked) {
    const auto fits = [&](const CheckedProbe& c) {
        return c.probe == probe && is_tc(c.report.hook) == is_tc(hook);
    };
    return std::ranges::find_if(checked, fits)->report;  // plan_chains() made it from these
}

Result<> check_chain(const PlannedChain& chain, const Policy& policy,
                     const std::vector<CheckedProbe>& checked) {
    const std::string where = fmt::format("{} {}", chain.interface, hook_name(chain.hook));
    if (chain.probes.size() > WEIR_MAX_SLOTS)
        return fail(Errc::Invalid, fmt::format("{}: {} probes, a chain has {} slots at most", where,
                                               chain.probes.size(), WEIR_MAX_SLOTS));
    for (const std::size_t place : chain.probes) {
        if (place == chain.probes.back() || !report_of(place, chain.hook, checked).is_foreign)
            continue;
        return fail(Errc::Invalid,
                    fmt::format("{}: probe {} is an object that was not built with weir's headers: "
                                "it can only be the last",
                                where, policy.probes[place].name),
                    "the highest number behind priority stands last");
    }
    return {};
}

Json probe_json(const PolicyProbe& p) {
    Json json = {{"probe", p.name}, {"priority", p.priority}, {"window", seconds(p.window)}};
    json["parameters"] = Json::object();
    for (const auto& [target, value] : p.probe.settings)
        json["parameters"][target.substr(p.name.size() + 1)] = value;
    if (!p.extractor.model.empty()) json["model"] = p.extractor.model;
    if (!p.extractor.file.empty()) json["extractor"] = p.extractor.file;
    json["output"] = p.report.output.empty() ? "-" : p.report.output;
    json["format"] = p.report.as_json ? "json" : "text";
    return json;
}

}  // namespace

std::vector<Hook> hooks_of(const PolicyProbe& probe, const CheckReport& report) {
    return probe.hooks.empty() ? std::vector{report.hook} : probe.hooks;
}

Result<std::vector<PlannedChain>> plan_chains(const Policy& policy,
                                              const std::vector<CheckedProbe>& checked) {
    std::vector<PlannedChain> chains;
    std::vector<std::vector<Hook>> hooks;  // of each probe
    for (std::size_t place = 0; place < policy.probes.size(); ++place) {
        const PolicyProbe& probe = policy.probes[place];
        const auto first = std::ranges::find(checked, place, &CheckedProbe::probe);
        hooks.push_back(hooks_of(probe, first->report));
        for (const std::string& interface : probe.interfaces)
            for (const Hook hook : hooks.back())
                if (!has_chain(chains, interface, hook))
                    chains.push_back({.interface = interface, .hook = hook});
    }
    for (PlannedChain& chain : chains) {
        for (std::size_t place = 0; place < policy.probes.size(); ++place)
            if (is_on(policy.probes[place], chain.interface) &&
                std::ranges::find(hooks[place], chain.hook) != hooks[place].end())
                chain.probes.push_back(place);
        std::ranges::sort(chain.probes, {}, [&](std::size_t place) {
            return std::pair(policy.probes[place].priority, place);
        });
        if (auto r = check_chain(chain, policy, checked); !r) return pass_on(r);
    }
    return chains;
}

std::string plan_text(const PolicyPlan& plan) {
    std::string out = fmt::format("policy {}: probes {}, chains {}\n", plan.file,
                                  plan.policy.probes.size(), plan.chains.size());
    for (const PlannedChain& chain : plan.chains) {
        out += fmt::format("\n{} {}\n", chain.interface, hook_name(chain.hook));
        std::vector<Row> rows = {
            {"probe", "priority", "window", "parameters", "model", "extractor", "output"}};
        for (const std::size_t place : chain.probes) {
            const PolicyProbe& p = plan.policy.probes[place];
            rows.push_back({p.name, std::to_string(p.priority),
                            fmt::format("{} s", seconds(p.window)), settings_text(p),
                            or_dash(p.extractor.model), or_dash(p.extractor.file),
                            fmt::format("{} ({})", or_dash(p.report.output),
                                        p.report.as_json ? "json" : "text")});
        }
        out += aligned(rows);
    }
    out += "\n";
    for (const CheckedProbe& c : plan.checked) {
        const CheckReport& r = c.report;
        out += fmt::format(
            "probe {} for {}: {} ({})\n  ready in {:.0f} ms, loaded and verified in {:.0f} ms; "
            "memory of both clones, on each hook of each interface: {}\n",
            r.probe, is_tc(r.hook) ? "tc" : "xdp", r.source, r.kind, r.build_ms, r.load_ms,
            bytes_text(r.memory_bytes));
        for (const std::string& notice : r.notices) out += fmt::format("  note: {}\n", notice);
    }
    return out;
}

std::string plan_json(const PolicyPlan& plan) {
    Json json = {{"v", 1}, {"policy", plan.file}};
    json["chains"] = Json::array();
    for (const PlannedChain& chain : plan.chains) {
        Json probes = Json::array();
        for (const std::size_t place : chain.probes)
            probes.push_back(probe_json(plan.policy.probes[place]));
        json["chains"].push_back({{"interface", chain.interface},
                                  {"hook", hook_name(chain.hook)},
                                  {"probes", std::move(probes)}});
    }
    json["checked"] = Json::array();
    for (const CheckedProbe& c : plan.checked) {
        Json report = Json::parse(check_json(c.report), nullptr, false);
        report["hook"] = is_tc(c.report.hook) ? "tc" : "xdp";
        json["checked"].push_back(std::move(report));
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::cli

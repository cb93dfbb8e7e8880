// SPDX-License-Identifier: Apache-2.0
// From a policy to the chain of each hook.
#include "cli/policy_plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir::cli {
namespace {

PolicyProbe probe(const std::string& name, int priority, const std::vector<std::string>& interfaces,
                  const std::vector<Hook>& hooks) {
    PolicyProbe made;
    made.name = name;
    made.interfaces = interfaces;
    made.hooks = hooks;
    made.priority = priority;
    return made;
}

CheckedProbe checked_for(std::size_t place, Hook hook = Hook::Xdp) {
    CheckedProbe made;
    made.probe = place;
    made.report.hook = hook;
    return made;
}

/// "eth0 xdp: a b" a chain.
std::vector<std::string> chains(const Policy& policy, const std::vector<CheckedProbe>& checked) {
    const auto planned = plan_chains(policy, checked);
    if (!planned) return {planned.error().message};
    std::vector<std::string> all;
    for (const PlannedChain& chain : *planned) {
        std::string text = chain.interface + " " + hook_name(chain.hook) + ":";
        for (const std::size_t place : chain.probes) text += " " + policy.probes[place].name;
        all.push_back(text);
    }
    return all;
}

TEST(PolicyPlan, OrdersEachChainByPriorityThenByTheFile) {
    const Policy policy{{probe("a", 50, {"eth0", "eth1"}, {Hook::Xdp}),
                         probe("b", 10, {"eth0"}, {Hook::Xdp, Hook::TcEgress}),
                         probe("c", 50, {"eth0"}, {}), probe("d", 10, {"eth0"}, {})}};
    const std::vector checked = {checked_for(0), checked_for(1), checked_for(1, Hook::TcEgress),
                                 checked_for(2), checked_for(3, Hook::TcIngress)};
    EXPECT_EQ(chains(policy, checked),
              (std::vector<std::string>{"eth0 xdp: b a c", "eth1 xdp: a", "eth0 tc-egress: b",
                                        "eth0 tc-ingress: d"}));
}

TEST(PolicyPlan, PutsProbesWithGlobsIntoTheChainsOfNames) {
    const Policy policy{{probe("named", 50, {"eth0"}, {}), probe("globbed", 50, {"eth*"}, {}),
                         probe("both", 10, {"eth0", "eth?"}, {}), probe("other", 50, {"lo"}, {})}};
    const std::vector checked = {checked_for(0), checked_for(1), checked_for(2), checked_for(3)};
    EXPECT_EQ(chains(policy, checked),
              (std::vector<std::string>{"eth0 xdp: both named globbed", "eth* xdp: globbed",
                                        "eth? xdp: both", "lo xdp: other"}));
}

TEST(PolicyPlan, RefusesAForeignObjectThatIsNotTheLast) {
    std::vector checked = {checked_for(0), checked_for(1)};
    checked[0].report.is_foreign = true;
    Policy policy{{probe("theirs", 90, {"eth0"}, {}), probe("ours", 10, {"eth0"}, {})}};
    EXPECT_EQ(chains(policy, checked), std::vector<std::string>{"eth0 xdp: ours theirs"});
    policy.probes[0].priority = 1;
    const auto refused = plan_chains(policy, checked);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Errc::Invalid);
    EXPECT_TRUE(refused.error().message.starts_with("eth0 xdp: probe theirs is an object"));
}

TEST(PolicyPlan, RefusesMoreProbesThanAChainHolds) {
    Policy policy;
    std::vector<CheckedProbe> checked;
    for (std::size_t i = 0; i < 32; ++i) {
        policy.probes.push_back(probe("p" + std::to_string(i), 50, {"eth0"}, {}));
        checked.push_back(checked_for(i));
    }
    EXPECT_TRUE(plan_chains(policy, checked).has_value());
    policy.probes.push_back(probe("last", 50, {"eth0"}, {}));
    checked.push_back(checked_for(32));
    EXPECT_EQ(chains(policy, checked).front(), "eth0 xdp: 33 probes, a chain has 32 slots at most");
}

TEST(PolicyPlan, IsTheSameInTextAndJson) {
    PolicyProbe one = probe("a", 5, {"eth*"}, {});
    one.probe.settings = {{"a.PORT", "443"}};
    one.report.output = "x.json";
    one.report.as_json = true;
    const PolicyPlan plan{.file = "p.toml",
                          .policy = {{one}},
                          .chains = {{.interface = "eth*", .hook = Hook::Xdp, .probes = {0}}},
                          .checked = {checked_for(0)}};
    const std::string text = plan_text(plan);
    for (const char* word : {"eth* xdp", "PORT=443", "x.json (json)", "10 s"})
        EXPECT_TRUE(text.contains(word)) << word << " is missing in\n" << text;
    const auto json = nlohmann::json::parse(plan_json(plan), nullptr, false);
    const auto& first = json["chains"][0]["probes"][0];
    EXPECT_EQ(json["chains"][0]["interface"], "eth*");
    EXPECT_EQ(first["probe"], "a");
    EXPECT_EQ(first["parameters"]["PORT"], "443");
    EXPECT_EQ(first["output"], "x.json");
    EXPECT_EQ(json["checked"][0]["hook"], "xdp");
}

}  // namespace
}  // namespace weir::cli

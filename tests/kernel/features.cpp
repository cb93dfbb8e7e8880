// SPDX-License-Identifier: Apache-2.0
// Every probe, on the kernel that is there: it must find what this kernel's version has.
#include "bpf/features.h"

#include <gtest/gtest.h>

#include <thread>

#include "bpf/interface.h"
#include "util/privileges.h"

namespace weir::bpf {
namespace {

using State = Outcome::State;

bool is_privileged() {
    const auto held = effective_capabilities();
    return held && missing_for_inject(*held).empty() && held->has(Capability::SysAdmin);
}

class EveryFeature : public ::testing::TestWithParam<FeatureInfo> {
protected:
    void SetUp() override {
        if (!is_privileged()) GTEST_SKIP() << "needs root";
    }
};

TEST_P(EveryFeature, WorksWhereTheKernelIsNewEnough) {
    const Outcome outcome = probe(GetParam().feature);
    EXPECT_FALSE(outcome.what.empty());
    if (running_kernel() >= GetParam().since) {
        EXPECT_EQ(outcome.state, State::Works) << outcome.what;
    } else if (GetParam().feature != Feature::AttachTypeRule) {  // a rule works on every kernel
        EXPECT_EQ(outcome.state, State::Missing) << outcome.what;
    }
}

/// With no capabilities nothing that takes one may be reported as working, or as a lack of the
/// kernel.
TEST_P(EveryFeature, IsNotFoundMissingByWhoMayNotTry) {
    const Feature feature = GetParam().feature;
    if (feature == Feature::KernelBtf || feature == Feature::VisitCpus) return;  // take none
    Outcome outcome;
    std::thread([&] {
        ASSERT_TRUE(keep_only({}));
        outcome = probe(feature);
    }).join();
    EXPECT_TRUE(outcome.state == State::Denied || outcome.state == State::NotTried) << outcome.what;
    EXPECT_TRUE(outcome.what.contains("EPERM")) << outcome.what;
}

std::string test_name(const ::testing::TestParamInfo<FeatureInfo>& test) {
    std::string name;
    for (const char c : test.param.name) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Probe, EveryFeature,
                         ::testing::ValuesIn(features().begin(), features().end()), test_name);

TEST(Features, LeaveTheInterfacesOfTheMachineAlone) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    const auto names = [] {
        std::vector<std::string> all;
        for (const Interface& i : interfaces()) all.push_back(i.name);
        return all;
    };
    const auto before = names();
    for (const Feature feature : {Feature::XdpLink, Feature::Tcx, Feature::Clsact}) {
        ASSERT_EQ(probe(feature).state, State::Works);
    }
    EXPECT_EQ(names(), before);
}

TEST(Explain, AddsTheMissingCapabilitiesToAPermissionError) {
    if (!is_privileged()) GTEST_SKIP() << "needs root";
    std::thread([] {
        ASSERT_TRUE(keep_only({Capability::NetAdmin, Capability::Perfmon}));
        const Error error = explain({.code = Errc::Permission, .message = "load: EPERM"}, {});
        EXPECT_EQ(error.code, Errc::Permission);
        EXPECT_EQ(error.message, "load: EPERM: missing privileges: CAP_BPF");
        EXPECT_TRUE(error.hint.contains("sudo")) << error.hint;
    }).join();
}

}  // namespace
}  // namespace weir::bpf

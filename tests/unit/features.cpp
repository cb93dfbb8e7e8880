// SPDX-License-Identifier: Apache-2.0
// Explaining a failure, on kernels that this machine does not have.
#include "bpf/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "bpf/probe_places.h"

namespace weir::bpf {
namespace {

using State = Outcome::State;

/// Answers as a machine of the given version would; what is not listed works.
class FakeKernel {
public:
    explicit FakeKernel(std::map<Feature, Outcome> answers) : answers_(std::move(answers)) {}

    Error explain(Error error, std::vector<Feature> needed, KernelVersion running) {
        return bpf::explain(std::move(error), needed, running, [this](Feature feature) {
            asked_.push_back(feature);
            const auto found = answers_.find(feature);
            return found == answers_.end() ? Outcome{.state = State::Works, .what = "done"}
                                           : found->second;
        });
    }
    [[nodiscard]] const std::vector<Feature>& asked() const { return asked_; }

private:
    std::map<Feature, Outcome> answers_;
    std::vector<Feature> asked_;
};

constexpr KernelVersion kLinux54{.version = 5, .patchlevel = 4};
constexpr KernelVersion kLinux515{.version = 5, .patchlevel = 15};
constexpr KernelVersion kLinux618{.version = 6, .patchlevel = 18};
const Error einval{.code = Errc::Invalid, .message = "attach eth0: EINVAL"};
const Outcome no_links{.state = State::Missing, .what = "link create: EINVAL"};

TEST(Explain, NamesTheFeatureAndTheVersionThatHasIt) {
    FakeKernel kernel({{Feature::XdpLink, no_links}});
    const Error error = kernel.explain(einval, {Feature::XdpProgram, Feature::XdpLink}, kLinux54);
    EXPECT_EQ(error.code, Errc::Unsupported);
    EXPECT_EQ(error.message, "attach eth0: EINVAL: needs Linux >= 5.9 (XDP links); this is 5.4");
    EXPECT_TRUE(error.hint.contains("weir doctor")) << error.hint;
}

TEST(Explain, DoesNotBlameTheVersionOfAKernelBuiltWithoutTheFeature) {
    FakeKernel kernel({{Feature::XdpLink, no_links}});
    const Error error = kernel.explain(einval, {Feature::XdpLink}, kLinux618);
    EXPECT_EQ(error.code, Errc::Unsupported);
    EXPECT_FALSE(error.message.contains(">=")) << error.message;
    EXPECT_TRUE(error.message.contains("XDP links")) << error.message;
    EXPECT_TRUE(error.message.contains("link create: EINVAL")) << error.message;
}

TEST(Explain, LeavesAnErrorThatNoMissingFeatureExplains) {
    FakeKernel kernel({});
    const Error error = kernel.explain(einval, {Feature::XdpLink}, kLinux54);
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_EQ(error.message, einval.message);
    EXPECT_EQ(error.hint, "");
}

TEST(Explain, TakesARefusalOrAnUntriedProbeForNoAnswer) {
    for (const State state : {State::Denied, State::NotTried}) {
        FakeKernel kernel({{Feature::XdpLink, {.state = state, .what = "EPERM"}}});
        EXPECT_EQ(kernel.explain(einval, {Feature::XdpLink}, kLinux54).code, Errc::Invalid);
    }
}

TEST(Explain, ProbesOnlyWhatAMissingFeatureCanCause) {
    for (const Errc code : {Errc::NotFound, Errc::Busy, Errc::Permission}) {
        FakeKernel kernel({{Feature::XdpLink, no_links}});
        EXPECT_EQ(kernel.explain({.code = code, .message = "m"}, {Feature::XdpLink}, kLinux54).code,
                  code);
        EXPECT_TRUE(kernel.asked().empty());
    }
    for (const Errc code : {Errc::Invalid, Errc::Unsupported, Errc::Rejected, Errc::Io}) {
        FakeKernel kernel({{Feature::XdpLink, no_links}});
        EXPECT_EQ(kernel.explain({.code = code, .message = "m"}, {Feature::XdpLink}, kLinux54).code,
                  Errc::Unsupported);
    }
}

TEST(Explain, StopsAtTheFirstMissingFeatureAndKeepsTheLog) {
    FakeKernel kernel({{Feature::BpfLoop, no_links}, {Feature::XdpFrags, no_links}});
    const Error error =
        kernel.explain({.code = Errc::Rejected, .message = "load", .log = "unknown func"},
                       {Feature::TailCall, Feature::BpfLoop, Feature::XdpFrags}, kLinux515);
    EXPECT_EQ(error.message, "load: needs Linux >= 5.17 (bpf_loop); this is 5.15");
    EXPECT_EQ(error.log, "unknown func");
    EXPECT_EQ(kernel.asked(), (std::vector{Feature::TailCall, Feature::BpfLoop}));
}

TEST(KernelVersion, IsReadFromTheReleasesOfDistributions) {
    EXPECT_EQ(parse_kernel_version("6.18.44"), (KernelVersion{.version = 6, .patchlevel = 18}));
    EXPECT_EQ(parse_kernel_version("6.1.0-37-amd64"),
              (KernelVersion{.version = 6, .patchlevel = 1}));
    EXPECT_EQ(parse_kernel_version("5.15.0-generic"),
              (KernelVersion{.version = 5, .patchlevel = 15}));
    EXPECT_EQ(parse_kernel_version("7.0-rc1"), (KernelVersion{.version = 7, .patchlevel = 0}));
    EXPECT_EQ(parse_kernel_version("6"), KernelVersion{});
    EXPECT_EQ(parse_kernel_version("next"), KernelVersion{});
    EXPECT_EQ(parse_kernel_version(""), KernelVersion{});
}

TEST(KernelVersion, OrdersByNumberNotByText) {
    EXPECT_LT((KernelVersion{.version = 5, .patchlevel = 9}),
              (KernelVersion{.version = 5, .patchlevel = 15}));
    EXPECT_LT((KernelVersion{.version = 5, .patchlevel = 19}),
              (KernelVersion{.version = 6, .patchlevel = 1}));
}

TEST(Features, HaveOneCompleteEntryEachInOrder) {
    ASSERT_EQ(features().size(), static_cast<std::size_t>(Feature::Count));
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < features().size(); ++i) {
        const FeatureInfo& feature = features()[i];
        EXPECT_EQ(static_cast<std::size_t>(feature.feature), i) << feature.name;
        EXPECT_TRUE(names.insert(feature.name).second) << feature.name;
        EXPECT_FALSE(feature.used_for.empty() || feature.source.empty() || feature.group.empty())
            << feature.name;
        EXPECT_GT(feature.since, KernelVersion{}) << feature.name;
    }
}

TEST(Features, ThatInjectCannotDoWithoutAreInTheMinimumKernel) {
    EXPECT_TRUE(info(Feature::XdpLink).is_required());
    EXPECT_TRUE(info(Feature::MmapArray).is_required());
    EXPECT_FALSE(info(Feature::Tcx).is_required());
    for (const FeatureInfo& feature : features()) {
        if (feature.is_required()) {
            EXPECT_LE(feature.since, kMinimumKernel) << feature.name;
        }
    }
}

TEST(CpuList, IsReadAsTheKernelWritesIt) {
    using Cpus = std::vector<unsigned>;
    EXPECT_EQ(parse_cpu_list("0\n"), Cpus{0});
    EXPECT_EQ(parse_cpu_list("0-2,5\n"), (Cpus{0, 1, 2, 5}));
    EXPECT_EQ(parse_cpu_list("0,2,4-4"), (Cpus{0, 2, 4}));
    for (const char* bad : {"", "\n", "x", "0-", "3-1", "0-2x", "-1"}) {
        EXPECT_EQ(parse_cpu_list(bad), Cpus{}) << bad;
    }
}

}  // namespace
}  // namespace weir::bpf

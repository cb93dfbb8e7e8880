// SPDX-License-Identifier: Apache-2.0
// Interface facts, in a network namespace of the test's own.
#include "bpf/interface.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <optional>

#include "bpf/link.h"
#include "support/private_namespace.h"

namespace weir::bpf {
namespace {

using InterfaceTest = test::NamespaceTest;

template <class T>
std::optional<Errc> code_of(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error().code;
}

UniqueFd load_pass() {
    const std::array<bpf_insn, 2> code{{
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_0,
         .src_reg = 0,
         .off = 0,
         .imm = 2},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    }};
    return UniqueFd(
        bpf_prog_load(BPF_PROG_TYPE_XDP, "somebody", "GPL", code.data(), code.size(), nullptr));
}

TEST_F(InterfaceTest, NamesAndIndexesAreEachOthersInverse) {
    const IfIndex v1 = index_of("v1");
    const auto name = interface_name(v1);
    ASSERT_TRUE(name);
    EXPECT_EQ(*name, "v1");
    EXPECT_NE(v1, index_of("v0"));
}

TEST_F(InterfaceTest, ListsWhatIsThere) {
    std::vector<std::string> names;
    for (const Interface& i : interfaces()) {
        EXPECT_EQ(index_of(i.name), i.index);
        names.push_back(i.name);
    }
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"lo", "v0", "v1"}));
}

TEST_F(InterfaceTest, SaysWhichInterfaceIsMissingAndWhichThereAre) {
    const auto missing = interface_index("v9");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::NotFound);
    EXPECT_TRUE(missing.error().message.contains("v9")) << missing.error().message;
    EXPECT_TRUE(missing.error().hint.contains("v0")) << missing.error().hint;
    for (const std::string bad : {"", "a-name-far-beyond-fifteen-characters"}) {
        EXPECT_EQ(code_of(interface_index(bad)), Errc::NotFound) << bad;
    }
}

TEST_F(InterfaceTest, AnIndexThatIsNoInterfaceIsNotFound) {
    constexpr IfIndex kNone{7777};
    EXPECT_EQ(code_of(interface_name(kNone)), Errc::NotFound);
    EXPECT_EQ(code_of(interface_mtu(kNone)), Errc::NotFound);
    EXPECT_EQ(code_of(xdp_facts(kNone)), Errc::NotFound);
}

TEST_F(InterfaceTest, MtuIsTheInterfacesOwn) {
    EXPECT_EQ(interface_mtu(index_of("v0")).value_or(0), 1400U);
    EXPECT_EQ(interface_mtu(index_of("lo")).value_or(0), 65536U);
}

TEST_F(InterfaceTest, DriverFeaturesAreTheDriversOwn) {
    const auto veth = xdp_facts(index_of("v0"));
    const auto loopback = xdp_facts(index_of("lo"));
    ASSERT_TRUE(veth && loopback);
    if (!veth->driver_has_xdp.has_value()) GTEST_SKIP() << "this kernel does not tell (before 6.3)";
    EXPECT_EQ(veth->driver_has_xdp, true);
    EXPECT_EQ(loopback->driver_has_xdp, false);
    EXPECT_EQ(loopback->driver_has_frags, false);
}

TEST_F(InterfaceTest, AFreeHookHasNoOwner) {
    const auto facts = xdp_facts(index_of("v0"));
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->owners.empty());
}

TEST_F(InterfaceTest, TheOwnerOfTheHookHasIdNameAndMode) {
    const UniqueFd program = load_pass();
    ASSERT_TRUE(program.is_open());
    bpf_prog_info details{};
    std::uint32_t bytes = sizeof details;
    ASSERT_EQ(bpf_prog_get_info_by_fd(program.get(), &details, &bytes), 0);
    const IfIndex v0 = index_of("v0");
    for (const XdpMode mode : {XdpMode::Skb, XdpMode::Drv}) {
        const auto link = XdpLink::attach({.function = "somebody", .fd = program.get()}, v0, mode);
        ASSERT_TRUE(link) << link.error().message;
        const auto facts = xdp_facts(v0);
        ASSERT_TRUE(facts);
        ASSERT_EQ(facts->owners.size(), 1U);
        EXPECT_EQ(facts->owners[0].program_id, details.id);
        EXPECT_EQ(facts->owners[0].program_name, "somebody");
        EXPECT_EQ(facts->owners[0].mode, mode);
    }
    EXPECT_TRUE(xdp_facts(v0)->owners.empty());
}

TEST(XdpOwner, IsDescribedWithAndWithoutItsName) {
    EXPECT_EQ(
        describe_owner("eth0", {.program_id = 7, .program_name = "filter", .mode = XdpMode::Drv}),
        "eth0 already carries XDP program 'filter' (id 7, drv)");
    EXPECT_EQ(describe_owner("eth0", {.program_id = 7, .program_name = {}, .mode = XdpMode::Skb}),
              "eth0 already carries XDP program (id 7, skb)");
}

}  // namespace
}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#include "probe/classify.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include "weir/abi.h"

namespace weir {
namespace {

using bpf::MapKind;
using bpf::MapSpec;

MapSpec map(const std::string& name, MapKind kind, std::vector<std::string> tags = {}) {
    MapSpec spec;
    spec.shape.name = name;
    spec.shape.kind = kind;
    spec.tags = std::move(tags);
    return spec;
}

MapSpec globals(const std::string& name) {
    MapSpec spec = map(name, MapKind::Array);
    spec.shape.is_globals = true;
    return spec;
}

MapSpec dialect(const std::string& name, const std::string& attributes,
                MapKind kind = MapKind::Hash) {
    return map(name, kind, {WEIR_TAG_DIALECT + attributes});
}

std::vector<MapSpec> list(auto... specs) {
    std::vector<MapSpec> out;
    (out.push_back(std::move(specs)), ...);
    return out;
}

std::vector<MapPolicy> policies(const std::vector<MapSpec>& maps,
                                const MapOverrides& overrides = {}) {
    auto found = classify(maps, overrides);
    EXPECT_TRUE(found.has_value()) << found.error().message;
    return found ? *found : std::vector<MapPolicy>(maps.size());
}

MapPolicy policy(MapSpec spec, const MapOverrides& overrides = {}) {
    return policies(list(std::move(spec)), overrides).front();
}

TEST(Classify, ByKindAsDocumented) {
    using enum MapKind;
    for (const MapKind kind :
         {Array, Hash, LruHash, PercpuHash, PercpuArray, LruPercpuHash, Queue, Stack}) {
        EXPECT_EQ(policy(map("m", kind)).map_class, MapClass::Windowed) << bpf::kind_name(kind);
        EXPECT_TRUE(policy(map("m", kind)).clear_after_window) << bpf::kind_name(kind);
    }
    for (const MapKind kind : {LpmTrie, Devmap, DevmapHash, Cpumap, Xskmap, ArrayOfMaps, HashOfMaps,
                               Ringbuf, PerfEventArray, StackTrace}) {
        EXPECT_EQ(policy(map("m", kind)).map_class, MapClass::Persistent) << bpf::kind_name(kind);
        EXPECT_FALSE(policy(map("m", kind)).clear_after_window) << bpf::kind_name(kind);
    }
    EXPECT_EQ(policy(map("m", ProgArray)).map_class, MapClass::Fixed);
    EXPECT_FALSE(policy(map("m", ProgArray)).clear_after_window);
}

TEST(Classify, GlobalsAreOfTheWindowAndConstantsAreFixed) {
    for (const char* name : {".bss", ".data", ".data.mine"})
        EXPECT_EQ(policy(globals(name)).map_class, MapClass::Windowed) << name;
    for (const char* name : {".rodata", ".rodata.str1.1", ".kconfig"}) {
        EXPECT_EQ(policy(globals(name)).map_class, MapClass::Fixed) << name;
        EXPECT_FALSE(policy(globals(name)).is_exported) << name;
    }
}

TEST(Classify, InnerMapsStayWithTheirOuterMap) {
    MapSpec inner = map("inner", MapKind::Hash);
    inner.is_inner = true;
    EXPECT_EQ(policy(std::move(inner)).map_class, MapClass::Persistent);
}

TEST(Classify, WhatUserSpaceCannotClearIsNotOfTheWindow) {
    MapSpec sealed = map("sealed", MapKind::Hash);
    sealed.shape.flags = BPF_F_RDONLY;
    EXPECT_EQ(policy(std::move(sealed)).map_class, MapClass::Persistent);
}

TEST(Classify, ASourceWithAttributesKeepsWhatDoesNotSwap) {
    const auto all = policies(list(dialect("swaps", "(SWAP)"), dialect("empties", "(EMPTY)"),
                                   dialect("both", "((SWAP, EMPTY))"), map("bare", MapKind::Hash)));
    EXPECT_EQ(all[0].map_class, MapClass::Windowed);
    EXPECT_TRUE(all[0].clear_after_window);
    EXPECT_EQ(all[1].map_class, MapClass::Persistent);
    EXPECT_TRUE(all[1].clear_after_window);
    EXPECT_EQ(all[2].map_class, MapClass::Windowed);
    EXPECT_EQ(all[3].map_class, MapClass::Persistent);
    EXPECT_FALSE(all[3].clear_after_window);
    for (const MapPolicy& one : all) EXPECT_TRUE(one.is_exported) << one.reason;
}

TEST(Classify, AttributesReachKindsThatAreKeptByDefault) {
    const auto all = policies(list(dialect("swaps", "(SWAP)", MapKind::LpmTrie),
                                   dialect("empties", "(EMPTY)", MapKind::LpmTrie)));
    EXPECT_EQ(all[0].map_class, MapClass::Windowed);
    EXPECT_EQ(all[1].map_class, MapClass::Persistent);
    EXPECT_TRUE(all[1].clear_after_window);
}

TEST(Classify, AnAttributeIsAWordNotAPart) {
    EXPECT_EQ(policy(dialect("m", "(NOSWAP, SWAPPED, SWAP_2)")).map_class, MapClass::Persistent);
}

TEST(Classify, ExportLimitsTheReportToTheMapsThatCarryIt) {
    const auto all =
        policies(list(dialect("shown", "(SWAP, EXPORT)"), dialect("not_shown", "(SWAP)"),
                      map("tree", MapKind::LpmTrie), globals(".bss")));
    EXPECT_TRUE(all[0].is_exported);
    EXPECT_FALSE(all[1].is_exported);
    EXPECT_FALSE(all[2].is_exported);
    EXPECT_FALSE(all[3].is_exported);
}

TEST(Classify, NativeTagsSayTheSame) {
    const auto all =
        policies(list(map("window", MapKind::LpmTrie, {WEIR_TAG_WINDOW}),
                      map("kept", MapKind::Hash, {WEIR_TAG_PERSIST}),
                      map("hidden", MapKind::Hash, {WEIR_TAG_HIDE}), map("bare", MapKind::Hash)));
    EXPECT_EQ(all[0].map_class, MapClass::Windowed);
    EXPECT_EQ(all[1].map_class, MapClass::Persistent);
    EXPECT_FALSE(all[1].clear_after_window);
    EXPECT_FALSE(all[2].is_exported);
    EXPECT_TRUE(all[3].is_exported);
    const auto exported =
        policies(list(map("shown", MapKind::Hash, {WEIR_TAG_EXPORT}), map("m", MapKind::Hash)));
    EXPECT_TRUE(exported[0].is_exported);
    EXPECT_FALSE(exported[1].is_exported);
}

TEST(Classify, TheCommandLineHasTheLastWordOnTheClassAndNoneOnTheReport) {
    const auto all = policies(list(dialect("kept", "(EXPORT)"), dialect("swaps", "(SWAP)")),
                              {.window = {"kept"}, .persist = {"swaps"}});
    EXPECT_EQ(all[0].map_class, MapClass::Windowed);
    EXPECT_EQ(all[0].reason, "--window");
    EXPECT_TRUE(all[0].is_exported);
    EXPECT_EQ(all[1].map_class, MapClass::Persistent);
    EXPECT_FALSE(all[1].clear_after_window);
    EXPECT_FALSE(all[1].is_exported);
}

/// The message of a refusal; "" where there is none.
std::string refusal(const std::vector<MapSpec>& maps, const MapOverrides& overrides) {
    const auto found = classify(maps, overrides);
    if (found) return "";
    EXPECT_EQ(found.error().code, Errc::Invalid);
    return found.error().message;
}

TEST(Classify, RefusesNamesThatTheProbeDoesNotHave) {
    const auto maps = list(map("mine", MapKind::Hash), map("weir_chain", MapKind::ProgArray));
    const auto found = classify(maps, {.window = {"yours"}, .persist = {}});
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().message, "--window yours: the probe has no such map");
    EXPECT_EQ(found.error().hint, "its maps: mine");
    EXPECT_NE(refusal(maps, {.window = {}, .persist = {"weir_chain"}}), "");
}

TEST(Classify, RefusesWhatAMapCannotBe) {
    const auto maps = list(map("ports", MapKind::Devmap), map("jumps", MapKind::ProgArray));
    EXPECT_EQ(refusal(maps, {.window = {"ports"}, .persist = {}}),
              "--window ports: a map of kind devmap cannot be windowed");
    // Shared, it would send one clone's packets into the other's programs.
    EXPECT_EQ(refusal(maps, {.window = {}, .persist = {"jumps"}}),
              "--persist jumps: a map of kind prog_array cannot be persistent");
    EXPECT_EQ(refusal(list(map("events", MapKind::Ringbuf, {WEIR_TAG_WINDOW})), {}),
              "WEIR_WINDOW events: a map of kind ringbuf cannot be windowed");
}

TEST(Classify, RefusesBothClassesAtOnce) {
    EXPECT_EQ(refusal(list(map("m", MapKind::Hash)), {.window = {"m"}, .persist = {"m"}}),
              "m: --window and --persist at once");
}

}  // namespace
}  // namespace weir

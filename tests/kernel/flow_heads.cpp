// SPDX-License-Identifier: Apache-2.0
// A table of a flow tensor whose rows have gaps: kernel maps, written by hand as CPUs leave them
// that lost rows to each other, read by each way.
#include "table/flow_heads.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernel_map.h"
#include "support/tensor_maps.h"
#include "table/flow_tensor.h"
#include "table_reader.h"

namespace weir::test {
namespace {

/// A tensor of 8 flows: three in rows 1, 2 and 5, one that found no row, and rows 3, 4 and 6 lost.
class TensorWithGaps {
public:
    TensorWithGaps()
        : heads_(map_of(test::heads_shape(kSlots), head_map_)),
          rows_(map_of(test::tensor_shape(8), row_map_)) {
        auto heads = heads_.map_values();
        auto rows = rows_.map_values();
        EXPECT_TRUE(heads && rows);
        head_memory_ = std::move(*heads);
        row_memory_ = std::move(*rows);
    }
    void fill(std::uint32_t given) {
        using table::FlowHead;
        put(head_memory_, 0, FlowHead{.tag = 22, .packets = 1, .row = 1, .forward_bytes = 60});
        put(head_memory_, 3, FlowHead{10, 9, 2, 540, 1});
        put(head_memory_, 9, FlowHead{.tag = 1ULL << 63, .packets = 2, .row = 5});
        put(head_memory_, 14, FlowHead{.tag = 6, .row = 0});
        put(head_memory_, kSlots, FlowHead{.row = given});
        put(row_memory_, 0, TensorRow{0, 1, 0, 0, 101, {1, 0}});
        put(row_memory_, 1, TensorRow{0, 0, 0, 0, 102, {2, 3}});
        put(row_memory_, 4, TensorRow{0, 0, 0, 0, 105, {4, 5}});
    }
    [[nodiscard]] bool is_zero() const {
        return test::is_zero(head_memory_) && test::is_zero(row_memory_);
    }
    [[nodiscard]] Result<table::Reader> reader(const char* disabled) const {
        const Disable disable(disabled);
        return table::Reader::create(rows_, kWindowed, {}, &heads_);
    }

private:
    static constexpr std::uint32_t kSlots = 16;
    static MapSetup setup(std::uint32_t value_bytes, std::uint32_t entries) {
        return {.kind = bpf::MapKind::Array,
                .value_bytes = value_bytes,
                .max_entries = entries,
                .is_mmapable = true};
    }
    static bpf::Map map_of(bpf::MapShape shape, const KernelMap& in_kernel) {
        return {std::move(shape), in_kernel.map().fd()};
    }
    KernelMap head_map_{setup(sizeof(table::FlowHead), kSlots + 1)};
    KernelMap row_map_{setup(sizeof(TensorRow), 8)};
    bpf::Map heads_, rows_;
    Mapping head_memory_, row_memory_;
};

std::vector<TensorRow> rows_of(const table::Table& table) {
    std::vector<TensorRow> rows(table.rows);
    for (std::size_t i = 0; i < rows.size(); ++i)
        std::memcpy(&rows[i], table.value(i), sizeof(TensorRow));
    return rows;
}

class EachWay : public ::testing::TestWithParam<std::pair<const char*, table::ReadWay>> {
    void SetUp() override {
        if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }
};

TEST_P(EachWay, LeavesOutRowsWithoutAFlow) {
    const auto [disabled, way] = GetParam();
    TensorWithGaps tensor;
    auto reader = tensor.reader(disabled);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(reader->way(), way);
    const std::vector<TensorRow> expected = {
        {1, 1, 60, 0, 101, {1, 0}}, {9, 0, 540, 1, 102, {2, 3}}, {2, 0, 0, 0, 105, {4, 5}}};
    for (const std::uint32_t given : {6U, 8U, 9U}) {
        tensor.fill(given);
        const table::Table table = read(*reader);
        EXPECT_EQ(table.rows, 3U);
        EXPECT_EQ(table.capacity, 8U);
        EXPECT_EQ(table.is_saturated, given >= 8) << "whether a row is left, of " << given;
        EXPECT_EQ(rows_of(table), expected);
        const table::FlowTensor view(table);
        ASSERT_EQ(view.flows(), 3U);
        EXPECT_EQ(view.packets(1), 9U);
        EXPECT_EQ(view.recorded(1), 2U);
        clear(*reader);
        EXPECT_TRUE(tensor.is_zero());
    }
    EXPECT_EQ(read(*reader).rows, 0U);
}

TEST_P(EachWay, ClearsAWindowThatNobodyRead) {
    TensorWithGaps tensor;
    auto reader = tensor.reader(GetParam().first);
    ASSERT_TRUE(reader) << reader.error().message;
    tensor.fill(6);
    clear(*reader);
    EXPECT_TRUE(tensor.is_zero());
}

INSTANTIATE_TEST_SUITE_P(FlowHeads, EachWay,
                         ::testing::Values(std::pair{"", table::ReadWay::Mmap},
                                           std::pair{"mmap", table::ReadWay::Lookup}));

TEST(FlowHeads, AreRefusedInAnotherLayout) {
    if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    const KernelMap rows({.kind = bpf::MapKind::Array,
                          .value_bytes = sizeof(TensorRow),
                          .max_entries = 8,
                          .is_mmapable = true});
    const bpf::Map map(test::tensor_shape(8), rows.map().fd());
    const auto reader = table::Reader::create(map, kWindowed, {}, &map);
    ASSERT_FALSE(reader.has_value()) << "rows are no heads";
    EXPECT_EQ(reader.error().code, Errc::Invalid);
    EXPECT_TRUE(reader.error().message.starts_with("flows: ")) << reader.error().message;
}

}  // namespace
}  // namespace weir::test

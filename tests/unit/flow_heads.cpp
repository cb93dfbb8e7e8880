// SPDX-License-Identifier: Apache-2.0
// The heads of a flow tensor, over memory files in the place of kernel maps: mapping one is the
// same call.
#include "table/flow_heads.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <vector>

#include "support/tensor_maps.h"

namespace weir::table {
namespace {

using bpf::Map;
using bpf::MapShape;
using test::put;
using test::TensorRow;

TEST(FindFlows, TakesEveryHeadWithATagInOrder) {
    for (const std::size_t count : {0U, 1U, 2U, 23U, 1023U, 1024U, 1025U, 5000U}) {
        std::vector<FlowHead> heads(count);
        std::vector<std::uint32_t> slots;
        std::vector<std::uint32_t> rows;
        std::mt19937 random(7);  // NOLINT(*-msc51-cpp): the same slots every time
        for (std::uint32_t i = 0; i < count; ++i) {
            heads[i].packets = heads[i].row = 1;  // only the tag says that a slot is taken
            if (i != 0 && i + 1 != count && random() % 3 != 0) continue;
            heads[i].tag = 1ULL << (1 + random() % 63);
            heads[i].row = static_cast<std::uint32_t>(random());
            slots.push_back(i);
            rows.push_back(heads[i].row);
        }
        std::vector<std::uint32_t> found_slots;
        std::vector<std::uint32_t> found_rows;
        find_flows(heads, found_slots, found_rows);
        EXPECT_EQ(found_slots, slots) << count << " slots";
        EXPECT_EQ(found_rows, rows) << count << " slots";
    }
}

class FlowHeadsTest : public ::testing::Test {
protected:
    static constexpr std::uint32_t kSlots = 16;

    void SetUp() override {
        ASSERT_EQ(::ftruncate(file_.get(), 4096), 0);
        auto mapping = map_.map_values();
        ASSERT_TRUE(mapping.has_value());
        memory_ = std::move(*mapping);
        auto opened = FlowHeads::open(map_, *test::tensor_shape(8).value);
        ASSERT_TRUE(opened.has_value()) << opened.error().message;
        heads_ = std::move(*opened);
    }
    void give_row(std::size_t slot, std::uint32_t row) {
        put(memory_, slot,
            FlowHead{.tag = 2 * slot + 2,
                     .packets = static_cast<std::uint32_t>(10 * slot),
                     .row = row,
                     .forward_bytes = 100 * slot,
                     .backward_bytes = 1000 * slot});
    }
    void count_rows(std::uint32_t rows) { put(memory_, kSlots, FlowHead{.row = rows}); }
    [[nodiscard]] std::vector<std::uint32_t> indices() const {
        std::vector<std::uint32_t> out = {77};  // of the window before
        heads_->row_indices(out);
        return out;
    }

    UniqueFd file_{::memfd_create("heads", MFD_CLOEXEC)};
    Map map_{test::heads_shape(kSlots), file_.get()};
    Mapping memory_;
    std::optional<FlowHeads> heads_;
};

TEST_F(FlowHeadsTest, AreNoneInAnEmptyWindow) {
    heads_->find();
    EXPECT_EQ(heads_->flows(), 0U);
    EXPECT_EQ(heads_->end(), 0U);
    EXPECT_EQ(heads_->given(), 0U);
    EXPECT_TRUE(heads_->is_dense());
    EXPECT_TRUE(indices().empty());
    heads_->complete(nullptr, sizeof(TensorRow));
    heads_->clear();
    EXPECT_TRUE(test::is_zero(memory_));
}

TEST_F(FlowHeadsTest, AreDenseWhenEveryRowHasItsFlow) {
    give_row(0, 3);
    give_row(15, 1);
    give_row(7, 2);
    count_rows(3);
    heads_->find();
    EXPECT_EQ(heads_->flows(), 3U);
    EXPECT_EQ(heads_->end(), 3U);
    EXPECT_EQ(heads_->given(), 3U);
    EXPECT_TRUE(heads_->is_dense());
    EXPECT_EQ(indices(), (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_F(FlowHeadsTest, LeaveOutRowsThatWereLostToARace) {
    give_row(2, 5);
    give_row(11, 2);
    count_rows(6);
    heads_->find();
    EXPECT_EQ(heads_->flows(), 2U);
    EXPECT_EQ(heads_->end(), 5U);
    EXPECT_EQ(heads_->given(), 6U);
    EXPECT_FALSE(heads_->is_dense());
    EXPECT_EQ(indices(), (std::vector<std::uint32_t>{1, 4}));
}

TEST_F(FlowHeadsTest, WithoutARowAreNoFlows) {
    give_row(0, 0);
    give_row(4, 1);
    give_row(9, 0);
    count_rows(1);
    heads_->find();
    EXPECT_EQ(heads_->flows(), 1U);
    EXPECT_TRUE(heads_->is_dense());
    EXPECT_EQ(indices(), (std::vector<std::uint32_t>{0}));
    std::vector<TensorRow> rows(2);
    // SAFETY: bytes of rows.
    heads_->complete(reinterpret_cast<std::byte*>(rows.data()), sizeof(TensorRow));
    EXPECT_EQ(rows[0].packets, 40U);
    EXPECT_EQ(rows[1], TensorRow{});
    heads_->clear();
    EXPECT_TRUE(test::is_zero(memory_)) << "slots without a row are freed too";
}

TEST_F(FlowHeadsTest, CompleteTheirRowsAndNothingElse) {
    give_row(3, 4);
    give_row(12, 1);
    heads_->find();
    std::vector<TensorRow> rows(5);
    for (TensorRow& row : rows) row = {2, 3, 4, 5, 6, {7, 8}};
    // SAFETY: bytes of rows.
    heads_->complete(reinterpret_cast<std::byte*>(rows.data()), sizeof(TensorRow));
    const TensorRow untouched = {2, 3, 4, 5, 6, {7, 8}};
    EXPECT_EQ(rows[0], (TensorRow{120, 3, 1200, 12000, 6, {7, 8}}));
    EXPECT_EQ(rows[3], (TensorRow{30, 3, 300, 3000, 6, {7, 8}}));
    for (const std::size_t i : {1U, 2U, 4U}) EXPECT_EQ(rows[i], untouched) << "row " << i;
}

TEST_F(FlowHeadsTest, AreFoundAgainAfterAClear) {
    give_row(1, 1);
    give_row(2, 2);
    count_rows(2);
    heads_->find();
    heads_->clear();
    EXPECT_TRUE(test::is_zero(memory_));
    give_row(14, 1);
    count_rows(1);
    heads_->find();
    EXPECT_EQ(heads_->flows(), 1U);
    EXPECT_EQ(indices(), (std::vector<std::uint32_t>{0}));
    heads_->clear();
    EXPECT_TRUE(test::is_zero(memory_));
}

TEST_F(FlowHeadsTest, CountNoRowsBehindTheLastSlot) {
    count_rows(4);
    put(memory_, kSlots, FlowHead{.tag = 2, .row = 4});
    heads_->find();
    EXPECT_EQ(heads_->flows(), 0U) << "the counter is no flow";
}

TEST_F(FlowHeadsTest, AreInvalidInAnotherLayout) {
    const auto refused = [&](MapShape heads, const bpf::Type& row) {
        const auto opened = FlowHeads::open(Map(std::move(heads), file_.get()), row);
        return opened ? std::optional<Errc>{} : std::optional(opened.error().code);
    };
    const bpf::TypePtr row = test::tensor_shape(8).value;
    EXPECT_EQ(refused(test::heads_shape(kSlots), *row), std::nullopt);
    EXPECT_EQ(refused(test::heads_shape(0), *row), Errc::Invalid) << "no slot";
    MapShape narrow = test::heads_shape(kSlots);
    narrow.value_bytes = 24;
    EXPECT_EQ(refused(narrow, *row), Errc::Invalid);
    for (std::size_t i = 0; i < test::tensor_members().size(); ++i) {
        const std::string name = test::tensor_members()[i].name;
        const bool is_taken = name != "server" && name != "key" && name != "packet";
        auto without = test::tensor_members();
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        auto moved = test::tensor_members();
        moved[i].bit_offset += 64;
        auto other = test::tensor_members();
        other[i].type = test::integer(2);
        for (const auto& members : {without, moved, other})
            EXPECT_EQ(refused(test::heads_shape(kSlots), *test::tensor_shape(8, members).value),
                      is_taken ? std::optional(Errc::Invalid) : std::nullopt)
                << name;
    }
}

TEST_F(FlowHeadsTest, SayThatTheyCannotBeMapped) {
    MapShape unmapped = test::heads_shape(kSlots);
    unmapped.flags = 0;
    const auto opened = FlowHeads::open(Map(unmapped, file_.get()), *test::tensor_shape(8).value);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Errc::Unsupported);
}

}  // namespace
}  // namespace weir::table

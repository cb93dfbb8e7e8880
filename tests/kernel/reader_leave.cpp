// SPDX-License-Identifier: Apache-2.0
// Memory of a table that is given away: it stays where and as it is, while the reader goes on with
// other memory, by each way of reading.
#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <string>
#include <utility>

#include "kernel_map.h"
#include "table/table.h"
#include "table_reader.h"

namespace weir::table {
namespace {

using namespace test;
using bpf::MapKind;

constexpr std::uint32_t kRows = 1000;

struct LeaveCase {
    MapSetup setup;
    const char* disable;
    ReadWay way;
};

void PrintTo(const LeaveCase& one, std::ostream* out) {
    *out << bpf::kind_name(one.setup.kind) << " without " << one.disable;
}

const LeaveCase kCases[] = {
    {{.kind = MapKind::Array, .max_entries = kRows, .is_mmapable = true}, "", ReadWay::Mmap},
    {{.kind = MapKind::Array, .max_entries = kRows}, "", ReadWay::Batch},
    {{.kind = MapKind::Hash, .max_entries = kRows}, "", ReadWay::Drain},
    {{.kind = MapKind::Hash, .max_entries = kRows}, "drain", ReadWay::Batch},
    {{.kind = MapKind::Hash, .max_entries = kRows}, "drain,batch", ReadWay::Lookup},
    {{.kind = MapKind::PercpuHash, .max_entries = kRows}, "", ReadWay::Batch},
    {{.kind = MapKind::Queue, .key_bytes = 0, .max_entries = kRows}, "", ReadWay::Drain},
    {{.kind = MapKind::Queue, .key_bytes = 0, .max_entries = kRows}, "drain", ReadWay::Lookup},
};

class Leave : public ::testing::TestWithParam<LeaveCase> {
protected:
    void SetUp() override {
        if (!can_create_maps()) GTEST_SKIP() << "needs root or CAP_BPF";
    }
    static void fill(const KernelMap& map, std::uint64_t first) {
        const bool is_queue = GetParam().setup.kind == MapKind::Queue;
        for (std::uint32_t i = 0; i < kRows; ++i) map.put_bytes(is_queue ? nullptr : &i, first + i);
    }
};

TEST_P(Leave, KeepsTheContentAtItsAddress) {
    const KernelMap map(GetParam().setup);
    Reader reader = make_reader(map.map(), kWindowed, GetParam().disable);
    fill(map, 100);
    const Table before = read(reader);
    ASSERT_EQ(before.way, GetParam().way);
    ASSERT_EQ(before.rows, kRows);
    const Content content = content_of(before);

    Table table = before;
    auto owner = reader.leave_memory(table);
    ASSERT_TRUE(owner) << owner.error().message;
    EXPECT_NE(table.values, before.values);
    EXPECT_EQ(content_of(table), content);
    clear(reader);
    fill(map, 5000);
    const Table next = read(reader);
    EXPECT_EQ(content_of(next).size(), kRows);
    EXPECT_NE(content_of(next), content);
    for (std::uint32_t i = 0; i < kRows; ++i) {  // `before` lies in what was left
        std::uint64_t value = 0;
        std::memcpy(&value, before.values + i * before.value_step, sizeof(value));
        EXPECT_TRUE(value >= 100 && value < 100 + kRows + bpf::possible_cpus()) << value;
    }
    owner->reset();  // the reader has nothing of it
    clear(reader);
    EXPECT_EQ(read(reader).rows, 0U);
}

INSTANTIATE_TEST_SUITE_P(Ways, Leave, ::testing::ValuesIn(kCases));

}  // namespace
}  // namespace weir::table

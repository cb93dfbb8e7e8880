// SPDX-License-Identifier: Apache-2.0
#pragma once
// One map of a frozen window as rows of typed bytes. A Reader stands for one map of one clone; it
// decides once how the map is read (mmap, drain, batch, lookup) and reuses its memory from window
// to window.
//
//     auto reader = table::Reader::create(map, policy, image);
//     auto table = reader->read();             // after the grace period
//     for (std::size_t i = 0; i < table->rows; ++i) use(table->key(i), table->value(i));
//     reader->clear();                         // before packets enter the clone again
//
// Ownership: a Table borrows the Reader's memory (for mmap the map's own) and is valid until the
// next read() or clear(). Thread rule: read() and clear() on the engine thread; a Table may be read
// by one other thread meanwhile.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/map.h"
#include "probe/map_class.h"

namespace weir::table {

using weir::FlowLayout;
using weir::ReadWay;
using weir::Table;

[[nodiscard]] const char* read_way_name(ReadWay way);

/// What the table is made of, in one word: "hash", "globals", "flow_tensor".
[[nodiscard]] std::string kind_text(const Table& table);

class Reader {
public:
    /// `image`: what clear() puts back (.data: its content in the ELF); empty means zeros.
    /// `flow_heads`: a flow tensor's second map (probe/clone_pair.h); without it, `map` is an
    /// array. Decides the way by trying it. A kind that cannot be read is no error (way None).
    [[nodiscard]] static Result<Reader> create(const bpf::Map& map, const MapPolicy& policy,
                                               std::span<const std::byte> image,
                                               const bpf::Map* flow_heads = nullptr);
    Reader(const Reader&) = delete;
    Reader(Reader&&) noexcept;
    Reader& operator=(const Reader&) = delete;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

    /// Reads the whole map; of a flow tensor it puts each flow's head before its row. QUEUE and
    /// STACK are emptied by it, windowed hashes may be: clear() is due before anything else writes
    /// or reads the map. Cost: mmap: one scan, no system call; drain: one or two calls; batch: one
    /// call per 16k entries; lookup: two calls an entry.
    [[nodiscard]] Result<Table> read();

    /// What read() would give, without rows: nothing is read.
    [[nodiscard]] Table unread() const;

    /// Empties the map (or restores the image) where the policy says so; else does nothing. Of
    /// ARRAY kinds it zeroes the rows that the last read() found (without one, it looks itself).
    /// Errors: Busy (a windowed map is still being written), else as the kernel says.
    [[nodiscard]] Result<> clear();

    /// Gives away the memory of the table that was read last: it stays where it is, and as it is,
    /// as long as what is returned lives. `table` has the same rows elsewhere from here on. Errors:
    /// Io (memory); nothing has changed then. Cost: a copy of the rows.
    [[nodiscard]] Result<std::shared_ptr<const void>> leave_memory(Table& table);

    [[nodiscard]] ReadWay way() const;
    /// Memory that its drain holds, read or not; 0 where it has none.
    [[nodiscard]] std::size_t drain_bytes() const;
    [[nodiscard]] const bpf::Map& map() const;
    [[nodiscard]] const MapPolicy& policy() const;

private:
    struct State;
    explicit Reader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::table

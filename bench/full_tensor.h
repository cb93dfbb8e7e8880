// SPDX-License-Identifier: Apache-2.0
#pragma once
// The flow tensor of a retired clone with so many flows in it: the shipped ddos probe's map, and
// the rows written into it through a mapping, each with all the packets that fit.
//
//     FullTensor tensor(60'000);
//     tensor.fill();
//     table::Table view = need(tensor.reader().read());
//
// Ownership: owns the map. Thread rule: one thread.
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "table/table.h"

namespace weir::bench {

/// A reader that may not use these ways (WEIR_DISABLE).
[[nodiscard]] table::Reader make_reader(const bpf::Map& map, const char* disable,
                                        const bpf::Map* flow_heads = nullptr);

class FullTensor {
public:
    /// Sized as --set ddos.max_flows=FLOWS does.
    explicit FullTensor(std::uint32_t flows);
    /// Writes all rows, unless they are there.
    void fill();
    void clear();
    [[nodiscard]] table::Reader& reader() { return reader_; }
    /// The same map, read by one system call a row.
    [[nodiscard]] table::Reader lookup_reader() const {
        return make_reader(map(), "mmap,batch", &heads());
    }
    [[nodiscard]] std::uint32_t flows() const { return flows_; }
    [[nodiscard]] const bpf::Map& map() const { return *object_.find_map("flows"); }
    [[nodiscard]] const bpf::Map& heads() const { return *object_.find_map("weir_heads_flows"); }

private:
    std::uint32_t flows_;
    bpf::LoadedObject object_;
    table::Reader reader_;
    bool is_full_ = false;
};

/// The same rows as entries of a HASH, whose keys are the flows' keys: what a tool without a tensor
/// has to read.
class FullHash {
public:
    static constexpr std::uint32_t kKeyBytes = 40;  // struct weir_flow_key
    explicit FullHash(const FullTensor& like);
    /// Writes all entries, unless they are there.
    void fill();
    enum class Calls { Batches, OnePerKey };
    /// Deletes all entries, whose keys are at hand.
    void clear(Calls calls);
    /// Reads without deleting: by batches, or `disable` them.
    [[nodiscard]] table::Reader reader(const char* disable) const {
        return make_reader(map_, disable);
    }

private:
    UniqueFd fd_;
    bpf::Map map_;
    std::vector<std::byte> keys_;
    bool is_full_ = false;
};

}  // namespace weir::bench

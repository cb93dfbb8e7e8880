// SPDX-License-Identifier: Apache-2.0
#pragma once
// One probe behind a pivot, run on packets from memory.
//
//     test::OneProbe probe({.file = test::fixture_file("log")});
//     probe.run(frame, 100);
//     EXPECT_EQ(probe.counted(0).entered, 100U);
//
// Ownership: owns the chain. Thread rule: that of the chain, but run() may be called by any.
#include <cstdint>
#include <optional>
#include <string>

#include "chain/chain.h"
#include "probe/image.h"
#include "weir/abi.h"

namespace weir::test {

[[nodiscard]] ProbeFile fixture_file(const std::string& name);

class OneProbe {
public:
    /// Fails the test where it cannot be loaded.
    explicit OneProbe(const ProbeSpec& spec, bool is_replay = false);
    /// For what must be refused.
    [[nodiscard]] static Result<Chain> load(const ProbeSpec& spec, bool is_replay);

    /// The verdict of the last run.
    [[nodiscard]] std::uint32_t run(const std::string& frame, int repeat = 1) const;
    void flip() { chain_->flip(Chain::bit(0)); }
    [[nodiscard]] weir_counts counted(unsigned clone) const;
    [[nodiscard]] const ClonePair& pair() const { return chain_->pair(0); }
    [[nodiscard]] Chain& chain() { return *chain_; }

private:
    std::optional<Chain> chain_;
};

}  // namespace weir::test

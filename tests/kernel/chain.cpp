// SPDX-License-Identifier: Apache-2.0
// Probes behind one pivot, run by BPF_PROG_TEST_RUN: nothing is attached.
#include "chain/chain.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <array>

#include "support/fixture_probe.h"
#include "support/live_traffic.h"
#include "util/errno.h"

namespace weir {
namespace {

constexpr int kPackets = 100;

class ChainOf : public ::testing::Test {
protected:
    ChainOf() {
        auto chain = Chain::create();
        EXPECT_TRUE(chain.has_value()) << chain.error().message << chain.error().log;
        if (chain) chain_.emplace(std::move(*chain));
    }

    Result<> append(const std::string& fixture) {
        return test::append_fixture(*chain_, fixture, fixture);
    }
    void append_all(std::initializer_list<const char*> fixtures) {
        for (const char* fixture : fixtures) {
            const auto done = append(fixture);
            ASSERT_TRUE(done.has_value()) << done.error().message << done.error().log;
        }
    }

    /// Sends the packets through the pivot; the verdict of the last one.
    std::uint32_t run() {
        std::array<std::byte, 64> packet{};
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                    .data_size_in = packet.size(), .repeat = kPackets);
        const int rc = bpf_prog_test_run_opts(chain_->pivot().fd, &options);
        EXPECT_EQ(rc, 0) << errno_name(-rc);
        return options.retval;
    }

    /// Packets that entered a clone so far.
    std::uint64_t entered(std::size_t slot, unsigned clone) {
        const auto counts = chain_->counts();
        EXPECT_TRUE(counts.has_value()) << counts.error().message;
        EXPECT_EQ(counts->tail_call_misses, 0U);
        return counts->of.at(chain_->pair(slot).clone(clone).counter()).entered;
    }

    std::optional<Chain> chain_;
};

TEST_F(ChainOf, NoProbesPassesEveryPacket) {
    EXPECT_EQ(run(), static_cast<std::uint32_t>(XDP_PASS));
    const auto counts = chain_->counts();
    ASSERT_TRUE(counts.has_value());
    EXPECT_EQ(counts->tail_call_misses, 0U);
}

TEST_F(ChainOf, ThreeProbesShowsEachEveryPacketOnce) {
    append_all({"pass", "pass", "pass"});
    EXPECT_EQ(run(), static_cast<std::uint32_t>(XDP_PASS));
    for (std::size_t slot = 0; slot < 3; ++slot) {
        EXPECT_EQ(entered(slot, 0), kPackets) << slot;
        EXPECT_EQ(entered(slot, 1), 0U) << slot;
    }
}

TEST_F(ChainOf, ProbesEndsAtTheFirstVerdictThatIsNotPass) {
    append_all({"pass", "count_sources", "pass"});  // count_sources drops
    EXPECT_EQ(run(), static_cast<std::uint32_t>(XDP_DROP));
    EXPECT_EQ(entered(1, 0), kPackets);
    EXPECT_EQ(entered(2, 0), 0U);
}

TEST_F(ChainOf, ProbesFlipsAllWithOneStore) {
    append_all({"pass", "pass", "pass"});
    chain_->flip(Chain::bit(0) | Chain::bit(1) | Chain::bit(2));
    run();
    for (std::size_t slot = 0; slot < 3; ++slot) {
        EXPECT_EQ(chain_->active(slot), 1U);
        EXPECT_EQ(entered(slot, 0), 0U) << slot;
        EXPECT_EQ(entered(slot, 1), kPackets) << slot;
    }
}

TEST_F(ChainOf, ProbesFlipsEachByItself) {
    append_all({"pass", "pass"});
    chain_->flip(Chain::bit(1));
    run();
    EXPECT_EQ(entered(0, 0), kPackets);
    EXPECT_EQ(entered(1, 1), kPackets);
    chain_->flip(Chain::bit(1));
    run();
    EXPECT_EQ(entered(0, 0), 2 * kPackets);
    EXPECT_EQ(entered(1, 0), kPackets);
    EXPECT_EQ(entered(1, 1), kPackets);
}

TEST_F(ChainOf, AForeignObjectCountsItsPacketsAndStandsLast) {
    append_all({"pass", "entry/one"});
    EXPECT_EQ(run(), static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(entered(0, 0), kPackets);
    EXPECT_EQ(entered(1, 0), kPackets);
    const auto behind = append("pass");
    ASSERT_FALSE(behind.has_value());
    EXPECT_EQ(behind.error().code, Errc::Invalid);
    EXPECT_TRUE(behind.error().message.contains("entry/one")) << behind.error().message;
    EXPECT_EQ(chain_->size(), 2U);
}

TEST_F(ChainOf, ThirtyTwoProbesIsTheLongestAndWhole) {
    for (int slot = 0; slot < WEIR_MAX_SLOTS; ++slot) append_all({"pass"});
    run();
    for (std::size_t slot = 0; slot < WEIR_MAX_SLOTS; ++slot)
        EXPECT_EQ(entered(slot, 0), kPackets) << slot;
    const auto one_more = append("pass");
    ASSERT_FALSE(one_more.has_value());
    EXPECT_EQ(one_more.error().code, Errc::Invalid);
}

}  // namespace
}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A chain on any hook whose probes are sources, for tests that compare the hooks.
//
//     HookedChain chain(Hook::TcIngress);
//     chain.append("native.c");                       // tests/fixtures/hooks/native.c
//     EXPECT_EQ(chain.run(frame), TC_ACT_UNSPEC);
//     chain.seen();                                   // the row of its table
//
// Ownership: owns the chain. Thread rule: one thread.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain.h"
#include "probe/image.h"
#include "support/packets.h"
#include "support/scratch_folder.h"
#include "util/errno.h"
#include "util/paths.h"

namespace weir::test {

/// What a test run is told of a packet that its bytes do not say.
struct SkbFields {
    std::uint32_t segments = 0;  // joined by the kernel; 0: an ordinary packet
};

/// A chain on a hook, whose probes are sources of tests/fixtures/hooks/ or objects.
class HookedChain {
public:
    explicit HookedChain(Hook hook) : hook_(hook) {
        auto chain = Chain::create(hook);
        EXPECT_TRUE(chain) << chain.error().message << chain.error().log;
        if (chain) chain_.emplace(std::move(*chain));
    }

    [[nodiscard]] Result<ProbeImage> build(const std::string& file, ProbeSpec spec = {}) const {
        auto share = share_dir();
        if (!share) return pass_on(share);
        const bool is_object = file.ends_with(".o");
        const std::string folder = WEIR_SOURCE_DIR "/tests/fixtures/hooks/";
        spec.file = {
            .name = "probe", .path = is_object ? file : folder + file, .is_object = is_object};
        spec.hook = hook_;
        return ProbeImage::build(spec, *share);
    }
    void append(const std::string& file, const ProbeSpec& spec = {}) {
        const auto image = build(file, spec);
        ASSERT_TRUE(image) << image.error().message << image.error().log;
        EXPECT_EQ(image->hook, hook_);
        auto binding = chain_->next_binding();
        ASSERT_TRUE(binding) << binding.error().message;
        auto pair = ClonePair::load(*image, *binding);
        ASSERT_TRUE(pair) << pair.error().message << pair.error().log;
        const auto done = chain_->append(std::move(*pair));
        ASSERT_TRUE(done) << done.error().message;
    }
    /// With one parameter of the probe.
    void append_with(const std::string& file, const std::string& parameter, int value) {
        ProbeSpec spec;
        spec.settings = {{.target = parameter, .value = std::to_string(value)}};
        append(file, spec);
    }

    /// Runs the pivot; what becomes of the packet.
    int run(const Bytes& frame, const SkbFields& fields = {}) {
        __sk_buff skb{};
        skb.gso_segs = fields.segments;
        skb.gso_size = fields.segments > 1 ? 100 : 0;
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                    .data_size_in = static_cast<std::uint32_t>(frame.size()));
        if (fields.segments != 0) {
            options.ctx_in = &skb;
            options.ctx_size_in = sizeof(skb);
        }
        const int rc = bpf_prog_test_run_opts(chain_->pivot().fd, &options);
        EXPECT_EQ(rc, 0) << errno_name(-rc) << ", " << frame.size() << " bytes";
        return static_cast<int>(options.retval);
    }

    /// The only row of the probe's table `seen`.
    [[nodiscard]] std::vector<std::uint64_t> seen(std::size_t slot = 0) const {
        const bpf::Map* map = chain_->pair(slot).clone(0).find_map("seen");
        EXPECT_NE(map, nullptr);
        std::vector<std::uint64_t> row(map->shape().value_bytes / sizeof(std::uint64_t));
        const std::uint32_t zero = 0;
        EXPECT_TRUE(map->lookup(&zero, row.data()));
        return row;
    }
    [[nodiscard]] std::uint64_t entered(std::size_t slot) const {
        const auto counts = chain_->counts();
        EXPECT_TRUE(counts) << counts.error().message;
        EXPECT_EQ(counts->tail_call_misses, 0U);
        return counts->of.at(chain_->pair(slot).clone(0).counter()).entered;
    }
    Chain& chain() { return *chain_; }

private:
    Hook hook_;
    std::optional<Chain> chain_;
};

/// Each source is compiled once for each hook.
class HooksTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        cache = std::make_unique<ScratchFolder>();
        ::setenv("WEIR_CACHE", cache->path().c_str(), 1);
    }
    static void TearDownTestSuite() {
        ::unsetenv("WEIR_CACHE");
        cache.reset();
    }
    static inline std::unique_ptr<ScratchFolder> cache;
};

inline Bytes tagged(std::uint16_t tci, std::uint16_t ethertype, const Bytes& payload) {
    return big16(tci) + big16(ethertype) + payload;
}

}  // namespace weir::test

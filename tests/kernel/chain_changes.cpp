// SPDX-License-Identifier: Apache-2.0
// Probes that come, go, are patched and change places while packets flow at full speed: every probe
// that stands in the chain between two changes sees exactly the packets that its neighbours see.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <thread>
#include <utility>

#include "chain/chain.h"
#include "chain/grace.h"
#include "leak_check.h"
#include "probe/image.h"
#include "support/fixture_probe.h"
#include "support/live_traffic.h"
#include "util/clock.h"

namespace weir {
namespace {

constexpr int kChanges = 1'000;
constexpr std::size_t kMostProbes = 8;
constexpr std::uint32_t kBatch = 1U << 18;  // one call of the kernel for many changes

/// A chain whose order changes by one store, and what each of its probes has seen since the last.
class ChangingChain {
public:
    ChangingChain(Chain chain, Grace grace, ProbeImage image)
        : chain_(std::move(chain)), grace_(std::move(grace)), image_(std::move(image)) {}

    [[nodiscard]] Chain& chain() { return chain_; }
    [[nodiscard]] std::size_t size() const { return chain_.size(); }

    [[nodiscard]] Result<PairPtr> load(std::size_t slot) const {
        auto binding = chain_.binding(static_cast<std::uint32_t>(slot));
        if (!binding) return pass_on(binding);
        auto pair = ClonePair::load(image_, *binding);
        if (!pair) return pass_on(pair);
        return std::make_shared<ClonePair>(std::move(*pair));
    }

    /// Puts the order in force and flips every probe by the same store: what the retired clones
    /// have counted since is what was seen between this change and the one before.
    [[nodiscard]] Result<> change(std::vector<PairPtr> next) {
        const std::vector<PairPtr> before = chain_.pairs();
        std::map<const ClonePair*, unsigned> retired;
        for (std::size_t slot = 0; slot < before.size(); ++slot)
            retired[before[slot].get()] = chain_.active(slot);
        auto order = chain_.prepare(std::move(next));
        if (!order) return pass_on(order);
        std::uint64_t staying = 0;
        for (std::size_t slot = 0; slot < order->pairs.size(); ++slot)
            if (retired.contains(order->pairs[slot].get())) staying |= Chain::bit(slot);
        if (auto r = chain_.stage(std::move(*order)); !r) return r;
        const Nanoseconds begin = monotonic_ns();
        chain_.commit(staying);
        if (auto r = grace_.wait(); !r) return r;
        chain_.settle();
        longest_commit_ns = std::max(longest_commit_ns, monotonic_ns() - begin);
        return take_counts(before, retired);
    }

    std::vector<std::uint64_t> segments;  // packets between two changes: what the first probe saw
    Nanoseconds longest_commit_ns = 0;

private:
    [[nodiscard]] Result<> take_counts(const std::vector<PairPtr>& before,
                                       std::map<const ClonePair*, unsigned>& retired) {
        auto counts = chain_.counts();
        if (!counts) return pass_on(counts);
        EXPECT_EQ(counts->tail_call_misses, 0U);
        for (std::size_t slot = 0; slot < before.size(); ++slot) {
            const std::uint32_t counter =
                before[slot]->clone(retired[before[slot].get()]).counter();
            const std::uint64_t now = counts->of.at(counter).entered;
            const std::uint64_t seen = now - std::exchange(counted_[counter], now);
            if (slot == 0) segments.push_back(seen);
            EXPECT_EQ(seen, segments.back()) << "slot " << slot << ", change " << segments.size();
        }
        return {};
    }

    Chain chain_;
    Grace grace_;
    ProbeImage image_;
    std::map<std::uint32_t, std::uint64_t> counted_;  // by counter, when it was retired last
};

/// One random change of the order; its first probe always stays, at whatever place.
Result<std::vector<PairPtr>> random_order(ChangingChain& c, const PairPtr& stays,
                                          std::mt19937& random) {
    std::vector<PairPtr> order = c.chain().pairs();
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
    };
    const auto any_other = [&] {
        std::size_t at = below(order.size());
        while (order[at] == stays) at = below(order.size());
        return at;
    };
    const std::size_t kind = below(4);
    if (kind == 0 || order.size() == 1) {
        if (order.size() == kMostProbes) return order;
        const std::size_t at = below(order.size() + 1);
        auto pair = c.load(at);
        if (!pair) return pass_on(pair);
        order.insert(order.begin() + static_cast<std::ptrdiff_t>(at), std::move(*pair));
    } else if (kind == 1) {
        order.erase(order.begin() + static_cast<std::ptrdiff_t>(any_other()));
    } else if (kind == 2) {
        const std::size_t at = any_other();
        auto pair = c.load(at);
        if (!pair) return pass_on(pair);
        order[at] = std::move(*pair);
    } else {
        std::ranges::shuffle(order, random);
    }
    return order;
}

Result<ChangingChain> make_chain(const char* fixture) {
    ProbeSpec spec;
    spec.file = {.name = fixture, .path = test::fixture_path(fixture), .is_object = true};
    auto image = ProbeImage::build(spec, {});
    if (!image) return pass_on(image);
    auto chain = Chain::create();
    if (!chain) return pass_on(chain);
    auto grace = Grace::create(GraceMethod::Auto);
    if (!grace) return pass_on(grace);
    return ChangingChain(std::move(*chain), std::move(*grace), std::move(*image));
}

TEST(ChainChanges, AThousandUnderTrafficLoseAndDoubleNothing) {
    const test::PrivateNetwork network;
    test::LiveTraffic traffic(network.sender());
    auto changing = make_chain("pass");
    ASSERT_TRUE(changing.has_value()) << changing.error().message;
    auto first = changing->load(0);
    ASSERT_TRUE(first.has_value()) << first.error().message;
    ASSERT_TRUE(changing->change({*first}).has_value());
    auto attached = changing->chain().attach(network.receiver(),
                                             {.mode = bpf::XdpMode::Drv, .is_strict = true});
    ASSERT_TRUE(attached.has_value()) << attached.error().message;

    std::atomic<bool> stop = false;
    std::uint64_t sent = 0;
    std::thread sender([&] { sent = traffic.send_until(stop, kBatch); });
    std::mt19937 random(6);
    std::size_t longest = 1;
    for (int i = 0; i < kChanges && !HasFailure(); ++i) {
        EXPECT_TRUE(test::wait_for_a_packet(changing->chain())) << "no traffic";
        auto order = random_order(*changing, *first, random);
        EXPECT_TRUE(order.has_value()) << order.error().message;
        auto done = order ? changing->change(std::move(*order)) : Result<>{};
        EXPECT_TRUE(done.has_value()) << done.error().message;
        longest = std::max(longest, changing->size());
    }
    stop = true;
    sender.join();
    ASSERT_TRUE(changing->change({*first}).has_value());
    ASSERT_TRUE(changing->change({*first}).has_value());
    std::uint64_t seen = 0;
    for (const std::uint64_t segment : changing->segments) seen += segment;
    EXPECT_EQ(seen, sent) << "the probe that stayed";
    EXPECT_EQ(longest, kMostProbes);
    RecordProperty("sent", std::to_string(sent));
    RecordProperty("longest_commit_us", static_cast<int>(changing->longest_commit_ns / 1000));
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// Maps and programs in the kernel, of this process and of none.
std::size_t kernel_objects() {
    return static_cast<std::size_t>(
        std::ranges::count_if(test::take_inventory(), [](const std::string& line) {
            return line.starts_with("map ") || line.starts_with("program ");
        }));
}

#ifdef __has_feature
constexpr bool kIsSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif

/// Pages of memory of the process.
std::uint64_t resident_pages() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    return resident;
}

/// Flips of all probes by one store: in each window all of them have seen the same packets, and
/// nothing grows.
TEST(ChainChanges, FlipsOfEightProbesAgreeAndNothingGrows) {
    const test::PrivateNetwork network;
    test::LiveTraffic traffic(network.sender());
    auto changing = make_chain("pass");
    ASSERT_TRUE(changing.has_value()) << changing.error().message;
    std::vector<PairPtr> order;
    for (std::size_t slot = 0; slot < kMostProbes; ++slot) {
        auto pair = changing->load(slot);
        ASSERT_TRUE(pair.has_value()) << pair.error().message;
        order.push_back(std::move(*pair));
    }
    ASSERT_TRUE(changing->change(order).has_value());
    auto attached = changing->chain().attach(network.receiver(),
                                             {.mode = bpf::XdpMode::Drv, .is_strict = true});
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    std::atomic<bool> stop = false;
    std::uint64_t sent = 0;
    std::thread sender([&] { sent = traffic.send_until(stop, kBatch); });
    const int flips = std::getenv("WEIR_LONG") != nullptr ? 20'000 : 300;
    std::size_t descriptors = 0;
    std::uint64_t pages = 0;
    std::size_t objects = 0;
    for (int i = 0; i < flips && !HasFailure(); ++i) {
        if (i == flips / 10) {  // warm
            descriptors = open_descriptors();
            pages = resident_pages();
            objects = kernel_objects();
        }
        EXPECT_TRUE(test::wait_for_a_packet(changing->chain())) << "no traffic";
        EXPECT_TRUE(changing->change(order).has_value());
    }
    const std::size_t descriptors_after = open_descriptors();
    const std::size_t objects_after = kernel_objects();
    const std::uint64_t pages_after = resident_pages();
    stop = true;
    sender.join();
    ASSERT_TRUE(changing->change(order).has_value());
    ASSERT_TRUE(changing->change(order).has_value());
    std::uint64_t seen = 0;
    for (const std::uint64_t segment : changing->segments) seen += segment;
    EXPECT_EQ(seen, sent);
    EXPECT_EQ(descriptors_after, descriptors);
    EXPECT_LE(objects_after, objects) << "fewer: those of a test before, freed late";
    EXPECT_GE(objects, 2 * kMostProbes) << "the programs of both clones at least";
    // AddressSanitizer keeps what is freed: pages tell nothing there, and it finds leaks itself.
    if (!kIsSanitized) {
        EXPECT_LE(pages_after, pages + 256) << "1 MB";
    }
    RecordProperty("sent", std::to_string(sent));
}

}  // namespace
}  // namespace weir

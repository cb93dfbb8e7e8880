// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes changed, cut out and doubled, with fixed seeds: what reads files from outside opens each
// variant or refuses it; nothing crashes, hangs or takes all memory.
//
//     test::fuzz(1, good, [](const std::string& bytes) { return opens(bytes); });
//
// Thread rule: one thread.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <random>
#include <string>

namespace weir::test {

using namespace std::chrono_literals;

constexpr auto kFuzzTime = 4s;  // of each test; with the sanitizers fewer variants fit into it
constexpr int kFuzzVariants = 20'000;
constexpr long kFuzzMemoryKib = 2L
                                << 20U;  // 2 GiB: far above what the tests take, far below a bomb

class Mutator {
public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    std::string of(std::string bytes) {
        for (std::size_t n = below(4) + 1; n > 0 && !bytes.empty(); --n) change(bytes);
        return bytes;
    }
    std::size_t below(std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }

private:
    void change(std::string& bytes) {
        const std::size_t at = below(bytes.size());
        switch (below(6)) {
            case 0: bytes[at] = static_cast<char>(below(256)); break;
            case 1:
                bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << below(8)));
                break;
            case 2: bytes.replace(at, 8, std::string(8, '\xFF')); break;  // large numbers, lengths
            case 3: bytes.erase(at, below(16) + 1); break;
            case 4: bytes.insert(at, bytes.substr(below(bytes.size()), below(64))); break;
            default: bytes.resize(at); break;
        }
    }
    std::mt19937 random_;
};

inline long peak_memory_kib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/// Calls `attempt` with one variant after the other, until there were enough of them; `least` is
/// for what is slow on purpose.
template <class Attempt>
void fuzz(unsigned seed, const std::string& good, const Attempt& attempt, int least = 100) {
    Mutator mutator(seed);
    const auto end = std::chrono::steady_clock::now() + kFuzzTime;
    int opened = 0;
    int variants = 0;
    for (; variants < kFuzzVariants && std::chrono::steady_clock::now() < end; ++variants)
        if (attempt(mutator.of(good))) ++opened;
    EXPECT_GT(variants, least) << "each takes too long";
    EXPECT_LT(opened, variants) << "nothing was ever refused";
    EXPECT_LT(peak_memory_kib(), kFuzzMemoryKib);
    testing::Test::RecordProperty("variants", variants);
    testing::Test::RecordProperty("opened", opened);
}

}  // namespace weir::test

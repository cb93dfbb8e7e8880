// SPDX-License-Identifier: Apache-2.0
// ONNX files and sets of samples with bytes changed, cut out and doubled: each is opened, or
// refused with a reason; nothing crashes, hangs or takes all memory. The seeds are fixed.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <random>

#include "model/runner.h"
#include "model/set_file.h"
#include "support/onnx_graph.h"
#include "support/scratch_folder.h"
#include "util/file.h"

// Read by the leak checker of the sanitized build: HDF5 1.10 does not free all that it took for a
// file that it gave up on.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }  // NOLINT

namespace weir::model {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTime = 4s;  // of each test; with the sanitizers fewer variants fit into it
constexpr int kVariants = 20'000;
constexpr long kMemoryKib = 2L << 20U;  // 2 GiB: far above what the tests take, far below a bomb

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

long peak_memory_kib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/// Calls `attempt` with one variant after the other, until there were enough of them.
template <class Attempt>
void fuzz(unsigned seed, const std::string& good, const Attempt& attempt) {
    Mutator mutator(seed);
    const auto end = Clock::now() + kTime;
    int opened = 0;
    int variants = 0;
    for (; variants < kVariants && Clock::now() < end; ++variants)
        if (attempt(mutator.of(good))) ++opened;
    EXPECT_GT(variants, 100) << "each takes too long";
    EXPECT_LT(opened, variants) << "nothing was ever refused";
    EXPECT_LT(peak_memory_kib(), kMemoryKib);
    testing::Test::RecordProperty("variants", variants);
    testing::Test::RecordProperty("opened", opened);
}

/// Whether the bytes are a model; if so, it runs.
bool opens_as_model(const std::string& bytes) {
    const auto runner = Runner::from_onnx(bytes, {});
    if (!runner) {
        EXPECT_FALSE(runner.error().message.empty());
        return false;
    }
    const Signature& signature = runner->signature();
    const std::vector<float> x(3 * signature.input_values(), 0.5F);
    std::vector<float> y(3 * signature.output_values());
    (void)runner->predict(x, y);  // may fail: shapes may depend on the samples
    return true;
}

bool opens_as_set(const std::filesystem::path& path) {
    auto reader = SetReader::open(path);
    if (!reader) {
        EXPECT_FALSE(reader.error().message.empty());
        return false;
    }
    std::size_t values = 1;
    for (const std::int64_t dimension : reader->shape())
        values *= static_cast<std::size_t>(dimension);
    const std::size_t n = std::min<std::size_t>(reader->samples(), 100);
    std::vector<float> x(n * values);
    std::vector<std::uint8_t> y(reader->has_labels() ? n : 0);
    return reader->read(reader->samples() - n, n, x, y).has_value();
}

TEST(ModelFuzz, OnnxFilesAreOpenedOrRefused) {
    const std::string good = test::perceptron().bytes();
    ASSERT_TRUE(opens_as_model(good));
    fuzz(1, good, opens_as_model);
}

TEST(ModelFuzz, OnnxFilesMayEndAnywhere) {
    const std::string good = test::perceptron().bytes();
    for (std::size_t length = 0; length < good.size(); length += length < 64 ? 1 : 7)
        opens_as_model(good.substr(0, length));
}

TEST(ModelFuzz, SetsAreOpenedOrRefused) {
    const test::ScratchFolder folder;
    const auto path = folder.path() / "set.hdf5";
    auto writer = SetWriter::create(path, {2, 3});
    ASSERT_TRUE(writer);
    ASSERT_TRUE(
        writer->append(std::vector<double>(6 * 20, 0.25), std::vector<std::uint8_t>(20, 1)));
    ASSERT_TRUE(writer->finish());
    ASSERT_TRUE(opens_as_set(path));
    auto good = read_text(path);
    ASSERT_TRUE(good);
    // The numbers are most of the file; what describes them lies in the first kilobytes.
    const std::string head = good->substr(0, 8192), rest = good->substr(8192);
    fuzz(2, head, [&](const std::string& bytes) {
        return opens_as_set(folder.file("variant.hdf5", bytes + rest));
    });
}

}  // namespace
}  // namespace weir::model

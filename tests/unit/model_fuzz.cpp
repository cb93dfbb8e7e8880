// SPDX-License-Identifier: Apache-2.0
// ONNX files and sets of samples with bytes changed, cut out and doubled: each is opened, or
// refused with a reason; nothing crashes, hangs or takes all memory. The seeds are fixed.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "model/runner.h"
#include "model/set_file.h"
#include "support/fuzz.h"
#include "support/onnx_graph.h"
#include "support/scratch_folder.h"
#include "util/file.h"

// Read by the leak checker of the sanitized build: HDF5 1.10 does not free all that it took for a
// file that it gave up on.
extern "C" const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }  // NOLINT

namespace weir::model {
namespace {

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
    test::fuzz(1, good, opens_as_model);
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
    test::fuzz(2, head, [&](const std::string& bytes) {
        return opens_as_set(folder.file("variant.hdf5", bytes + rest));
    });
}

}  // namespace
}  // namespace weir::model

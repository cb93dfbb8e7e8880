// SPDX-License-Identifier: Apache-2.0
// Keras files with bytes changed, cut out and doubled, and architectures with values exchanged:
// each is read, or refused with a reason; nothing crashes, hangs or takes all memory. The seeds are
// fixed.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "model/keras.h"
#include "support/keras_file.h"
#include "support/scratch_folder.h"
#include "util/file.h"

namespace weir::model {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr auto kTime = 4s;  // of each test; with the sanitizers fewer variants fit into it
constexpr long kMemoryKib = 2L << 20U;

/// A model of every family, in Keras 2's layout.
constexpr const char* kConfig = R"({"class_name": "Functional", "config": {"name": "m", "layers": [
 {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
  "config": {"batch_input_shape": [null, 6, 4], "dtype": "float32", "name": "x"}},
 {"class_name": "Conv1D", "name": "c", "inbound_nodes": [[["x", 0, 0, {}]]],
  "config": {"name": "c", "filters": 3, "kernel_size": [2], "strides": [1], "padding": "same",
   "dilation_rate": [1], "groups": 1, "activation": "relu", "use_bias": true}},
 {"class_name": "MaxPooling1D", "name": "p", "inbound_nodes": [[["c", 0, 0, {}]]],
  "config": {"name": "p", "pool_size": [2], "strides": [1], "padding": "same"}},
 {"class_name": "Add", "name": "a", "inbound_nodes": [[["c", 0, 0, {}], ["p", 0, 0, {}]]],
  "config": {"name": "a"}},
 {"class_name": "LSTM", "name": "l", "inbound_nodes": [[["a", 0, 0, {}]]],
  "config": {"name": "l", "units": 2, "use_bias": false, "return_sequences": true}},
 {"class_name": "Reshape", "name": "r", "inbound_nodes": [[["l", 0, 0, {}]]],
  "config": {"name": "r", "target_shape": [3, -1]}},
 {"class_name": "Softmax", "name": "s", "inbound_nodes": [[["r", 0, 0, {}]]],
  "config": {"name": "s", "axis": [-1]}}],
 "input_layers": [["x", 0, 0]], "output_layers": [["s", 0, 0]]}})";

test::KerasH5 model(const std::string& config) {
    const auto filled = [](const char* path, std::vector<hsize_t> shape, std::size_t count) {
        return test::KerasWeight{
            .path = path, .shape = std::move(shape), .values = std::vector<float>(count, 0.25F)};
    };
    return {.config = config,
            .weights = {filled("c/c/kernel:0", {2, 4, 3}, 24), filled("c/c/bias:0", {3}, 3),
                        filled("l/l/lstm_cell/kernel:0", {3, 8}, 24),
                        filled("l/l/lstm_cell/recurrent_kernel:0", {2, 8}, 16)}};
}

std::string h5_bytes() {
    const test::ScratchFolder folder;
    write_keras_h5(folder.path() / "m.h5", model(kConfig));
    return read_text(folder.path() / "m.h5").value_or("");
}

class Random {
public:
    explicit Random(unsigned seed) : random_(seed) {}
    std::size_t below(std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }

private:
    std::mt19937 random_;
};

void change(std::string& bytes, Random& random) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(4)) {
        case 0: bytes[at] = static_cast<char>(random.below(256)); break;
        case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random.below(8)));
            break;
        case 2: bytes.replace(at, 4, std::string(4, '\xFF')); break;
        default: bytes.resize(at); break;
    }
}

/// Reads variants until the time is over.
template <class Variant>
void fuzz(unsigned seed, const Variant& variant) {
    const test::ScratchFolder folder;
    Random random(seed);
    const auto end = Clock::now() + kTime;
    int read = 0, variants = 0;
    for (; Clock::now() < end; ++variants) {
        const auto got = read_keras(variant(random, folder));
        if (got)
            ++read;
        else
            EXPECT_FALSE(got.error().message.empty());
    }
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);  // files are read in children
    EXPECT_LT(usage.ru_maxrss, kMemoryKib);
    EXPECT_GT(variants, 100) << "each takes too long";
    EXPECT_LT(read, variants) << "nothing was ever refused";
    testing::Test::RecordProperty("variants", variants);
    testing::Test::RecordProperty("read", read);
}

TEST(KerasFuzz, TheUnchangedModelIsRead) {
    const test::ScratchFolder folder;
    const auto got = read_keras(folder.file("m.h5", h5_bytes()));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->layers.size(), 7U);
}

TEST(KerasFuzz, CutHdf5IsRefused) {
    const test::ScratchFolder folder;
    const std::string good = h5_bytes();
    for (std::size_t length = 1; length < good.size(); length += 97)
        EXPECT_FALSE(read_keras(folder.file("m.h5", good.substr(0, length)))) << length;
}

TEST(KerasFuzz, ChangedHdf5) {
    const std::string good = h5_bytes();
    fuzz(1, [&](Random& random, const test::ScratchFolder& folder) {
        std::string bytes = good;
        for (std::size_t n = random.below(4) + 1; n > 0 && !bytes.empty(); --n)
            change(bytes, random);
        return folder.file("m.h5", bytes);
    });
}

TEST(KerasFuzz, ChangedArchives) {
    const std::string good = test::zip_file({{.name = "metadata.json", .content = "{}"},
                                             {.name = "config.json", .content = kConfig},
                                             {.name = "model.weights.h5", .content = h5_bytes()}});
    fuzz(2, [&](Random& random, const test::ScratchFolder& folder) {
        std::string bytes = good;
        for (std::size_t n = random.below(3) + 1; n > 0 && bytes.size() > 4; --n)
            change(bytes, random);
        bytes.replace(0, 4, "PK\x03\x04");
        return folder.file("m.keras", bytes);
    });
}

/// Puts a value of another kind, or another layer's, somewhere into the architecture.
void exchange(json& config, Random& random) {
    const json flat = config.flatten();
    const auto pick = [&] {
        auto at = flat.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random.below(flat.size())));
        return at;
    };
    const std::array<json, 12> values = {nullptr, -1,  0,  1,   1 << 24,       1e300,
                                         true,    "x", "", 3.5, json::array(), json::object()};
    const json::json_pointer place(pick().key());
    config[place] = random.below(2) == 0 ? values.at(random.below(values.size())) : pick().value();
}

TEST(KerasFuzz, ChangedArchitectures) {
    fuzz(3, [&](Random& random, const test::ScratchFolder& folder) {
        json config = json::parse(kConfig);
        for (std::size_t n = random.below(3) + 1; n > 0; --n) exchange(config, random);
        const auto path = folder.path() / "m.h5";
        write_keras_h5(path, model(config.dump()));
        return path;
    });
}

}  // namespace
}  // namespace weir::model

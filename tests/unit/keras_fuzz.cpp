// SPDX-License-Identifier: Apache-2.0
// Keras files with bytes changed, cut out and doubled, and architectures with values exchanged:
// each is read, or refused with a reason; nothing crashes, hangs or takes all memory. The seeds are
// fixed.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <nlohmann/json.hpp>

#include "model/keras.h"
#include "support/fuzz.h"
#include "support/keras_file.h"
#include "support/scratch_folder.h"
#include "util/file.h"

namespace weir::model {
namespace {

using nlohmann::json;

// Each is read in a child process: with the sanitizers that takes 15 to 40 ms.
constexpr int kLeastVariants = 20;

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

/// Whether the file is read; it is in a child, whose memory counts.
bool is_read(const std::filesystem::path& file) {
    const auto got = read_keras(file);
    EXPECT_TRUE(got || !got.error().message.empty());
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    EXPECT_LT(usage.ru_maxrss, test::kFuzzMemoryKib);
    return got.has_value();
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
    const test::ScratchFolder folder;
    test::fuzz(
        1, h5_bytes(),
        [&](const std::string& bytes) { return is_read(folder.file("m.h5", bytes)); },
        kLeastVariants);
}

TEST(KerasFuzz, ChangedArchives) {
    const test::ScratchFolder folder;
    const std::string good = test::zip_file({{.name = "metadata.json", .content = "{}"},
                                             {.name = "config.json", .content = kConfig},
                                             {.name = "model.weights.h5", .content = h5_bytes()}});
    const std::string signature = good.substr(0, 4);  // else it is not taken for an archive
    test::fuzz(
        2, good.substr(4),
        [&](const std::string& bytes) {
            return is_read(folder.file("m.keras", signature + bytes));
        },
        kLeastVariants);
}

/// Puts a value of another kind, or another layer's, somewhere into the architecture. `flat`: its
/// values by their places.
void exchange(json& config, const json& flat, test::Mutator& random) {
    const auto pick = [&] {
        auto at = flat.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random.below(flat.size())));
        return at;
    };
    const std::array<json, 12> values = {nullptr, -1,  0,  1,   1 << 24,       1e300,
                                         true,    "x", "", 3.5, json::array(), json::object()};
    const json::json_pointer place(pick().key());
    const json value =
        random.below(2) == 0 ? values.at(random.below(values.size())) : pick().value();
    if (config.contains(place)) config[place] = value;  // else what was there is gone already
}

TEST(KerasFuzz, ChangedArchitectures) {
    const test::ScratchFolder folder;
    const json good = json::parse(kConfig);
    const json flat = good.flatten();
    test::Mutator random(3);
    test::fuzz(
        3, "not used",
        [&](const std::string& /*bytes*/) {
            json config = good;
            for (std::size_t n = random.below(3) + 1; n > 0; --n) exchange(config, flat, random);
            write_keras_h5(folder.path() / "m.h5", model(config.dump()));
            return is_read(folder.path() / "m.h5");
        },
        kLeastVariants);
}

}  // namespace
}  // namespace weir::model

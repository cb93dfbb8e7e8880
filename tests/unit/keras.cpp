// SPDX-License-Identifier: Apache-2.0
// Keras files: what is read from them, and what is said of those that are broken, hostile or not
// known. That the numbers are right is e2e/keras.py.
#include "model/keras.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <csignal>
#include <limits>

#include "model/keras_child.h"
#include "unit/keras_model.h"
#include "util/file.h"

namespace weir::model {
namespace {

using test::ZipMember;

TEST(Keras, SaysWhatIsInTheFile) {
    const auto model = read(good());
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->version, "2.12.0");
    ASSERT_EQ(model->layers.size(), 2U);
    EXPECT_EQ(model->layers[1].name, "fc");
    EXPECT_EQ(model->layers[1].kind, "Dense");
    EXPECT_EQ(model->layers[1].output, std::vector<std::int64_t>{2});
    EXPECT_EQ(model->layers[1].weights, 6U);
}

TEST(Keras, MakesAnOnnxFileWithAnOpenNumberOfSamples) {
    const auto model = read(good());
    ASSERT_TRUE(model) << model.error().message;
    onnx::ModelProto onnx;
    ASSERT_TRUE(onnx.ParseFromString(model->onnx));
    ASSERT_EQ(onnx.graph().input_size(), 1);
    EXPECT_EQ(onnx.graph().input(0).name(), "x");
    const auto& shape = onnx.graph().input(0).type().tensor_type().shape();
    ASSERT_EQ(shape.dim_size(), 2);
    EXPECT_EQ(shape.dim(0).dim_param(), "samples");
    EXPECT_EQ(shape.dim(1).dim_value(), 3);
    EXPECT_EQ(onnx.opset_import(0).version(), 17);
}

/// Between a convolution and what follows it nothing is turned; LUCID's input is only reshaped.
TEST(Keras, TurnsNothingInLucidsNetwork) {
    const auto conv = layer("Conv2D", "c",
                            {{"filters", 4},
                             {"kernel_size", {3, 11}},
                             {"strides", {1, 1}},
                             {"padding", "valid"},
                             {"use_bias", false}});
    const auto model =
        read(KerasH5{.config = sequential({input({nullptr, 10, 11, 1}), conv,
                                           layer("Activation", "a", {{"activation", "relu"}}),
                                           layer("GlobalMaxPooling2D", "p"), layer("Flatten", "f"),
                                           dense("fc", 1)})
                                   .dump(),
                     .weights = {{.path = "c/c/kernel:0",
                                  .shape = {3, 11, 1, 4},
                                  .values = std::vector<float>(132, 1.0F)},
                                 kernel("fc", 4, 1)}});
    ASSERT_TRUE(model) << model.error().message;
    onnx::ModelProto onnx;
    ASSERT_TRUE(onnx.ParseFromString(model->onnx));
    std::string operators;
    for (const auto& node : onnx.graph().node()) operators += node.op_type() + " ";
    EXPECT_EQ(operators, "Reshape Conv Relu GlobalMaxPool Reshape Reshape MatMul Identity ");
}

TEST(Keras, ReadsAShapeWhereverKerasWritesIt) {
    auto first = dense("fc");
    first["config"]["batch_input_shape"] = {nullptr, 3};
    auto built = sequential({dense("fc")});
    built["config"]["build_input_shape"] = {nullptr, 3};
    auto outside = sequential({dense("fc")});
    outside["build_config"]["input_shape"] = {nullptr, 3};
    auto newer = layer("InputLayer", "x", {{"batch_shape", {nullptr, 3}}});
    for (const json& model :
         {sequential({first}), built, outside, sequential({newer, dense("fc")})})
        EXPECT_TRUE(read(KerasH5{.config = model.dump(), .weights = {kernel("fc")}}))
            << model.dump();
}

// ------------------------------------------------------------ not a Keras model

TEST(Keras, RefusesWhatIsNoModel) {
    const ScratchFolder folder;
    EXPECT_TRUE(refuses(read_keras(folder.path() / "none.h5"), Errc::NotFound, "none.h5"));
    EXPECT_TRUE(refuses(read_keras(folder.path()), Errc::Invalid, "folder"));
    EXPECT_TRUE(refuses(read(std::string("no HDF5 at all")), Errc::Invalid, "HDF5"));
    EXPECT_TRUE(refuses(read(std::string("PK\x03\x04 and no zip")), Errc::Invalid, "zip"));
    EXPECT_TRUE(refuses(read(KerasH5{.config = "", .has_weights = false}), Errc::Invalid,
                        "without a Keras model"));
    EXPECT_TRUE(refuses(read(KerasH5{.config = "{", .version = ""}), Errc::Invalid, "no JSON"));
    EXPECT_TRUE(refuses(read(KerasH5{.config = "[1]"}), Errc::Invalid, "no model's"));
    EXPECT_TRUE(refuses(read_layers({}), Errc::Invalid, "no layers"));
}

TEST(Keras, RefusesWeightsWithoutAnArchitecture) {
    const ScratchFolder folder;
    const auto path = folder.path() / "w.h5";
    test::write_keras_h5(
        path, {.config = "",
               .weights = {{.path = "/layers/dense/vars/0", .shape = {1}, .values = {1}}},
               .has_weights = false});
    const auto got = read_keras(path);
    EXPECT_TRUE(refuses(got, Errc::Invalid, "not the model's architecture"));
    EXPECT_TRUE(got.error().hint.contains("model.save()"));
}

TEST(Keras, RefusesAnArchitectureWithoutWeights) {
    EXPECT_TRUE(refuses(read(KerasH5{.config = good().config, .has_weights = false}), Errc::Invalid,
                        "no weights"));
    EXPECT_TRUE(refuses(read(KerasH5{.config = good().config}), Errc::Invalid,
                        "layer fc (Dense): its weights are not in the file"));
}

TEST(Keras, RefusesModelsOfOtherClasses) {
    EXPECT_TRUE(refuses(read(KerasH5{.config = R"({"class_name": "MyModel", "config": {}})"}),
                        Errc::Unsupported, "MyModel"));
}

// ------------------------------------------------------------ weights

TEST(Keras, RefusesWeightsThatDoNotFit) {
    KerasH5 model = good();
    model.weights = {kernel("fc", 4)};
    EXPECT_TRUE(refuses(read(model), Errc::Invalid,
                        "layer fc (Dense): weight kernel: it is [4, 2], the layer needs [3, 2]"));
    model.weights = {kernel("fc")};
    model.weights[0].path = "fc/fc/other:0";
    EXPECT_TRUE(
        refuses(read(model), Errc::Invalid, "weight kernel is not in the file, which has: other"));
}

TEST(Keras, RefusesWeightsThatAreNotFinite) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        KerasH5 model = good();
        model.weights[0].values[4] = bad;
        EXPECT_TRUE(refuses(read(model), Errc::Invalid, "fc (Dense): weight kernel: number 4 is"));
    }
}

/// The sizes agree with the architecture, but no numbers are there: nothing is allocated for them.
TEST(Keras, RefusesWeightsThatAreOnlyClaimed) {
    for (const hsize_t many : {hsize_t{1} << 24U, hsize_t{1} << 27U}) {
        const auto small = static_cast<std::int64_t>(hsize_t{1} << 12U);
        const auto large = static_cast<std::int64_t>(many >> 12U);
        const KerasH5 model{
            .config = sequential({input({nullptr, small}), dense("fc", large)}).dump(),
            .weights = {{.path = "fc/fc/kernel:0", .shape = {hsize_t{1} << 12U, many >> 12U}}}};
        EXPECT_TRUE(refuses(read(model), Errc::Invalid, "does not hold all of its numbers"));
    }
    const KerasH5 huge{
        .config = sequential({input({nullptr, 1 << 20}), dense("fc", 1 << 20)}).dump(),
        .weights = {{.path = "fc/fc/kernel:0", .shape = {1U << 20U, 1U << 20U}}}};
    EXPECT_TRUE(refuses(read(huge), Errc::Unsupported, "1 GiB"));
}

// ------------------------------------------------------------ layers and their options

struct Refused {
    const char* name;
    json layer;
    Errc code;
    const char* words;
};

std::vector<Refused> refused_layers() {
    const json rnn = {{"units", 2}, {"use_bias", false}};
    const auto with = [](json options, const char* key, const json& value) {
        options[key] = value;
        return options;
    };
    const json conv = {{"filters", 2}, {"kernel_size", {2}}, {"use_bias", false}};
    return {
        {"unknown", layer("Embedding", "l"), Errc::Unsupported,
         "layer l (Embedding): weir does not know the layer Embedding"},
        {"masking", layer("Masking", "l", {{"mask_value", 0}}), Errc::Unsupported, "Masking"},
        {"activation", layer("Activation", "l", {{"activation", "cubic"}}), Errc::Unsupported,
         "activation cubic"},
        {"own_activation", layer("Activation", "l", {{"activation", {{"class_name", "Mine"}}}}),
         Errc::Unsupported, "Mine"},
        {"option", layer("ReLU", "l", {{"sharpness", 3}}), Errc::Unsupported, "sharpness = 3"},
        {"stateful", layer("LSTM", "l", with(rnn, "stateful", true)), Errc::Unsupported,
         "stateful = true"},
        {"states", layer("GRU", "l", with(rnn, "return_state", true)), Errc::Unsupported,
         "return_state = true"},
        {"time_major", layer("LSTM", "l", with(rnn, "time_major", true)), Errc::Unsupported,
         "time_major = true"},
        {"rnn_function", layer("LSTM", "l", with(rnn, "activation", "swish")), Errc::Unsupported,
         "activation swish"},
        {"format", layer("Conv1D", "l", with(conv, "data_format", "diagonal")), Errc::Unsupported,
         "data_format"},
        {"policy", layer("Dense", "l", {{"units", 1}, {"dtype", "mixed_float16"}}),
         Errc::Unsupported, "dtype mixed_float16"},
        {"softmax_samples", layer("Softmax", "l", {{"axis", 0}}), Errc::Unsupported, "axis = 0"},
        {"no_units", layer("Dense", "l"), Errc::Invalid, "option units is null"},
        {"units_negative", dense("l", -1), Errc::Invalid, "option units is -1, not a size"},
        {"units_zero", dense("l", 0), Errc::Invalid, "option units is 0"},
        {"units_text", dense("l", "many"), Errc::Invalid, "units is \"many\""},
        {"units_huge", dense("l", 1e18), Errc::Invalid, "option units"},
        {"units_list", dense("l", {1, 2}), Errc::Invalid, "option units is [1,2]"},
        {"kernel_huge", layer("Conv1D", "l", with(conv, "kernel_size", {1 << 24})), Errc::Invalid,
         "does not lie on"},
        {"kernel_two", layer("Conv1D", "l", with(conv, "kernel_size", {1, 1})), Errc::Invalid,
         "kernel_size"},
        {"stride_zero", layer("MaxPooling1D", "l", {{"pool_size", 2}, {"strides", 0}}),
         Errc::Invalid, "strides is 0"},
        {"padding", layer("Conv1D", "l", with(conv, "padding", "most")), Errc::Invalid,
         "no padding most"},
        {"groups", layer("Conv1D", "l", with(conv, "groups", 3)), Errc::Invalid, "3 groups"},
        {"rank", layer("Conv2D", "l", {{"filters", 2}, {"kernel_size", 2}}), Errc::Invalid,
         "its input is [4, 3]"},
        {"reshape", layer("Reshape", "l", {{"target_shape", {5, 2}}}), Errc::Invalid,
         "[4, 3] does not fit into target_shape [5, 2]"},
        {"reshape_open", layer("Reshape", "l", {{"target_shape", {-1, 5}}}), Errc::Invalid,
         "does not fit"},
        {"reshape_negative", layer("Reshape", "l", {{"target_shape", {-2, -6}}}), Errc::Invalid,
         "does not fit"},
        {"reshape_zero", layer("Reshape", "l", {{"target_shape", {0, -1}}}), Errc::Invalid,
         "does not fit"},
        {"permute", layer("Permute", "l", {{"dims", {1, 1}}}), Errc::Invalid, "dims [1, 1]"},
        {"repeat", layer("RepeatVector", "l", {{"n", 2}}), Errc::Invalid, "no vector"},
        {"axis", layer("Softmax", "l", {{"axis", 9}}), Errc::Invalid, "axis 9"},
        {"flag", layer("Dense", "l", {{"units", 1}, {"use_bias", "yes"}}), Errc::Invalid,
         "use_bias is \"yes\""},
        {"number", layer("LeakyReLU", "l", {{"alpha", "steep"}}), Errc::Invalid, "alpha"},
        {"one_input", layer("Add", "l"), Errc::Invalid, "less than two inputs"},
    };
}

TEST(Keras, NamesTheLayerAndTheOptionThatItRefuses) {
    for (const Refused& refused : refused_layers()) {
        SCOPED_TRACE(refused.name);
        EXPECT_TRUE(refuses(read_layers({input({nullptr, 4, 3}), refused.layer}), refused.code,
                            refused.words));
    }
    EXPECT_TRUE(
        refuses(read_layers({input({nullptr, 1024}), layer("RepeatVector", "l", {{"n", 1 << 20}})}),
                Errc::Unsupported, "too large"));
}

TEST(Keras, RefusesInputsWithoutOneSize) {
    const std::vector<std::pair<json, Errc>> shapes = {
        {json::array({nullptr, nullptr, 3}), Errc::Unsupported},
        {json::array({nullptr, -1, 3}), Errc::Invalid},
        {json::array({nullptr, "many"}), Errc::Invalid},
        {json::array({nullptr, 1e9, 1e9, 1e9}), Errc::Invalid},
        {json::array(), Errc::Invalid},
        {"wide", Errc::Invalid},
    };
    for (const auto& [shape, code] : shapes)
        EXPECT_TRUE(refuses(read_layers({input(shape), dense("fc")}), code, "x: ")) << shape.dump();
    EXPECT_TRUE(refuses(read_layers({dense("fc")}), Errc::Invalid, "its input's shape"));
}

/// good() as Keras 3 files it.
std::vector<ZipMember> good_archive() {
    const ScratchFolder folder;
    const auto path = folder.path() / "w.h5";
    test::write_keras_h5(path, {.config = "",
                                .version = "",
                                .weights = {{.path = "/layers/dense/vars/0",
                                             .shape = {3, 2},
                                             .values = std::vector<float>(6, 1.0F)}},
                                .has_weights = false});
    const auto weights = read_text(path);
    EXPECT_TRUE(weights);
    return {{.name = "metadata.json", .content = R"({"keras_version": "3.4.1"})"},
            {.name = "config.json", .content = good().config},
            {.name = "model.weights.h5", .content = weights.value_or("")}};
}

TEST(Keras, ReadsArchives) {
    const auto model = read(test::zip_file(good_archive()));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->version, "3.4.1");
    EXPECT_EQ(model->layers.back().weights, 6U);
}

TEST(Keras, RefusesArchivesWithoutTheirParts) {
    auto members = good_archive();
    members.pop_back();
    EXPECT_TRUE(refuses(read(test::zip_file(members)), Errc::Invalid, "model.weights.h5"));
    members.pop_back();
    EXPECT_TRUE(refuses(read(test::zip_file(members)), Errc::Invalid, "config.json"));
    members = good_archive();
    members[2].content.resize(members[2].content.size() / 2);
    EXPECT_TRUE(refuses(read(test::zip_file(members)), Errc::Invalid, "model.weights.h5: HDF5"));
    members = good_archive();
    std::string broken = test::zip_file(members);
    broken[broken.find("batch_input_shape") + 1] = 'A';
    EXPECT_TRUE(refuses(read(broken), Errc::Invalid, "checksum"));
}

TEST(Keras, DoesNotUnpackBombs) {
    auto members = good_archive();
    members[1] = {
        .name = "config.json", .content = std::string(50U << 20U, ' '), .is_deflated = true};
    EXPECT_TRUE(refuses(read(test::zip_file(members)), Errc::Invalid, "more than any model's"));
    members[1].claimed_bytes = 100;  // and it lies
    EXPECT_TRUE(refuses(read(test::zip_file(members)), Errc::Invalid, "config.json: "));
    members = good_archive();
    members[2].claimed_bytes = 0xFFFF'FF00;
    EXPECT_TRUE(refuses(read(test::zip_file(members)), Errc::Invalid, "model.weights.h5: "));
}

// ------------------------------------------------------------ the child

TEST(Keras, OutlivesAReaderThatBreaksDown) {
    const auto crash = [](const std::filesystem::path& /*path*/) -> Result<KerasModel> {
        ::raise(SIGSEGV);
        ::_exit(1);  // where somebody catches that
    };
    EXPECT_TRUE(refuses(keras::read_in_child(crash, "m.h5"), Errc::Invalid, "m.h5: a broken file"));
    const auto half = [](const std::filesystem::path& /*path*/) -> Result<KerasModel> {
        ::_exit(0);
    };
    EXPECT_TRUE(refuses(keras::read_in_child(half, "m.h5"), Errc::Invalid, "half-way"));
}

}  // namespace
}  // namespace weir::model

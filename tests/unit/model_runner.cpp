// SPDX-License-Identifier: Apache-2.0
// Networks that are computed here by hand, and files that are no networks: what is said of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <thread>

#include "model/model_file.h"
#include "model/runner.h"
#include "support/onnx_graph.h"
#include "support/scratch_folder.h"

namespace weir::model {
namespace {

using onnx::TensorProto;
using test::OnnxGraph;
using test::ScratchFolder;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// y = x + w, x [samples, 3].
OnnxGraph adder(const std::vector<float>& w) {
    OnnxGraph graph;
    graph.input("x", {"n", "3"});
    graph.weights("w", {static_cast<std::int64_t>(w.size())}, w);
    graph.node("Add", {"x", "w"}, "y");
    graph.output("y", {"n", "3"});
    return graph;
}

Error refusal(const std::string& bytes) {
    auto runner = Runner::from_onnx(bytes, {});
    EXPECT_FALSE(runner) << "it was opened";
    return runner ? Error{} : runner.error();
}

void expect_refused(const OnnxGraph& graph, Errc code, std::string_view words) {
    const Error error = refusal(graph.bytes());
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_TRUE(error.message.contains(words)) << error.message;
    EXPECT_FALSE(error.message.contains('\n')) << error.message;
}

double perceptron_score(std::span<const float> sample) {
    double sum = -0.5;
    for (std::size_t i = 0; i < sample.size(); ++i)
        sum += static_cast<double>(sample[i]) * 0.01 * static_cast<double>(i + 1);
    return 1 / (1 + std::exp(-sum));
}

std::vector<float> waves(std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<float>(i) * 0.7F) / 2;
    return values;
}

TEST(Runner, TellsWhatGoesInAndComesOut) {
    const auto runner = Runner::from_onnx(test::perceptron().bytes(), {});
    ASSERT_TRUE(runner) << runner.error().message;
    const Signature& signature = runner->signature();
    EXPECT_EQ(signature.input_name, "x");
    EXPECT_EQ(signature.output_name, "y");
    EXPECT_EQ(signature.input, (std::vector<std::int64_t>{10, 11, 1}));
    EXPECT_EQ(signature.output, (std::vector<std::int64_t>{1}));
    EXPECT_EQ(signature.input_values(), 110U);
    EXPECT_EQ(signature.output_values(), 1U);
}

TEST(Runner, ComputesWhatTheFormulaSays) {
    for (const int threads : {1, 3}) {
        const auto runner = Runner::from_onnx(test::perceptron().bytes(), {.threads = threads});
        ASSERT_TRUE(runner) << runner.error().message;
        for (const std::size_t samples : {1UZ, 2UZ, 1024UZ, 1025UZ}) {
            const auto x = waves(samples * 110);
            std::vector<float> y(samples, -1);
            ASSERT_TRUE(runner->predict(x, y));
            for (std::size_t i = 0; i < samples; ++i)
                EXPECT_NEAR(y[i], perceptron_score(std::span(x).subspan(i * 110, 110)), 1e-5);
        }
    }
}

TEST(Runner, TakesNoSamplesAtAll) {
    const auto runner = Runner::from_onnx(test::perceptron().bytes(), {});
    ASSERT_TRUE(runner);
    EXPECT_TRUE(runner->predict({}, {}));
}

TEST(Runner, RefusesBuffersThatAreNotOfWholeSamples) {
    const auto runner = Runner::from_onnx(test::perceptron().bytes(), {});
    ASSERT_TRUE(runner);
    const std::vector<float> x(2 * 110);
    std::vector<float> y(2);
    EXPECT_FALSE(runner->predict(x, std::span(y).first(1)));
    EXPECT_FALSE(runner->predict(std::span(x).first(219), y));
    EXPECT_FALSE(runner->predict({}, y));
}

TEST(Runner, PredictsOnManyThreadsAtOnce) {
    const auto runner = Runner::from_onnx(test::perceptron().bytes(), {});
    ASSERT_TRUE(runner);
    const auto x = waves(100 * 110);
    std::vector<float> alone(100);
    ASSERT_TRUE(runner->predict(x, alone));
    std::vector<std::vector<float>> together(4, std::vector<float>(100));
    {
        std::vector<std::jthread> threads;
        threads.reserve(together.size());
        for (auto& y : together)
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i) EXPECT_TRUE(runner->predict(x, y));
            });
    }
    for (const auto& y : together) EXPECT_EQ(y, alone);
}

TEST(Runner, LearnsTheOutputsShapeByRunning) {
    OnnxGraph graph;
    graph.input("x", {"n", "3"});
    graph.weights("w", {3, 2}, {1, 2, 3, 4, 5, 6});
    graph.node("MatMul", {"x", "w"}, "y");
    graph.output("y", {"n", "unknown"});
    const auto runner = Runner::from_onnx(graph.bytes(), {});
    ASSERT_TRUE(runner) << runner.error().message;
    EXPECT_EQ(runner->signature().output, (std::vector<std::int64_t>{2}));
}

TEST(Runner, RefusesWeightsThatAreNotFinite) {
    expect_refused(adder({1, kNan, 2}), Errc::Invalid, "weights w: not all are finite");
    expect_refused(adder({1, kInfinity, 2}), Errc::Invalid, "weights w: not all are finite");
    expect_refused(adder({kNan}), Errc::Invalid, "weights w: not all are finite");
    EXPECT_TRUE(Runner::from_onnx(adder({kInfinity}).bytes(), {})) << "a lone one is a bound";
    EXPECT_TRUE(Runner::from_onnx(adder({1, 2, 3}).bytes(), {}));
}

TEST(Runner, FindsNanInRawBytesOfEveryFloat) {
    struct Case {
        int type;
        std::string raw;
    };
    const std::array cases{
        Case{TensorProto::FLOAT, std::string("\0\0\x80\x3F\0\0\xC0\x7F", 8)},
        Case{TensorProto::DOUBLE, std::string("\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\xF8\xFF", 16)},
        Case{TensorProto::FLOAT16, std::string("\0\x3C\x01\x7C", 4)},
        Case{TensorProto::BFLOAT16, std::string("\x80\x3F\xC0\x7F", 4)},
    };
    for (const Case& c : cases) {
        OnnxGraph graph = adder({1, 2, 3});
        TensorProto& weights = graph.weights("others", {2}, {});
        weights.set_data_type(c.type);
        weights.set_raw_data(c.raw);
        expect_refused(graph, Errc::Invalid, "weights others: not all are finite");
    }
}

TEST(Runner, FindsNanInAConstantOfAnInnerGraph) {
    OnnxGraph graph = adder({1, 2, 3});
    onnx::NodeProto& node = graph.node("If", {"x"}, "z");
    onnx::AttributeProto& branch = *node.add_attribute();
    branch.set_name("then_branch");
    branch.set_type(onnx::AttributeProto::GRAPH);
    onnx::AttributeProto& value = *branch.mutable_g()->add_node()->add_attribute();
    value.mutable_t()->set_data_type(TensorProto::FLOAT);
    value.mutable_t()->add_float_data(kNan);
    expect_refused(graph, Errc::Invalid, "a constant: not all are finite");
}

TEST(Runner, RefusesWeightsInOtherFiles) {
    OnnxGraph graph = adder({1, 2, 3});
    TensorProto& weights = graph.weights("elsewhere", {3}, {});
    weights.set_data_location(TensorProto::EXTERNAL);
    auto& place = *weights.add_external_data();
    place.set_key("location");
    place.set_value("/etc/passwd");
    expect_refused(graph, Errc::Invalid, "weights elsewhere lie in another file");
}

TEST(Runner, RefusesAnUnknownOperatorByName) {
    OnnxGraph graph = adder({1});
    graph.model.mutable_graph()->mutable_node(0)->set_op_type("Frobnicate");
    expect_refused(graph, Errc::Unsupported, "Frobnicate");
    graph.model.mutable_graph()->mutable_node(0)->set_domain("com.example");
    auto& opset = *graph.model.add_opset_import();
    opset.set_domain("com.example");
    opset.set_version(1);
    expect_refused(graph, Errc::Unsupported, "Frobnicate");
}

TEST(Runner, RefusesInputsThatAreNoSamples) {
    struct Case {
        test::Dimensions input;
        std::string_view words;
    };
    const std::array cases{
        Case{{"1", "3"}, "x: float32 [1, 3]: its first dimension must be open"},
        Case{{"n", "features"}, "[n, features]: all dimensions but the samples must be known"},
        Case{{"n"}, "[n]: it must be [samples, ...]"},
        Case{{"n", "0"}, "a dimension is 0"},
        Case{{"n", "99999", "99999"}, "too large"},
    };
    for (const Case& c : cases) {
        OnnxGraph graph;
        graph.input("x", c.input);
        graph.node("Sigmoid", {"x"}, "y");
        graph.output("y", c.input);
        expect_refused(graph, Errc::Invalid, c.words);
    }
}

TEST(Runner, RefusesOtherTypesThanFloat) {
    OnnxGraph graph;
    graph.input("x", {"n", "3"}, TensorProto::DOUBLE);
    graph.node("Sigmoid", {"x"}, "y");
    graph.output("y", {"n", "3"}, TensorProto::DOUBLE);
    expect_refused(graph, Errc::Invalid, "both must be float32");
}

TEST(Runner, RefusesSeveralInputsAndOutputsByTheirNames) {
    OnnxGraph graph;
    graph.input("x", {"n", "3"});
    graph.input("mask", {"n", "3"});
    graph.node("Add", {"x", "mask"}, "y");
    graph.output("y", {"n", "3"});
    expect_refused(graph, Errc::Invalid,
                   "2 inputs instead of one (x: float32 [n, 3]; mask: float32 [n, 3])");
    OnnxGraph twice = adder({1, 2, 3});
    twice.node("Sigmoid", {"y"}, "z");
    twice.output("z", {"n", "3"});
    expect_refused(twice, Errc::Invalid, "2 outputs instead of one (y: float32");
}

TEST(Runner, RefusesANetworkThatMixesSamples) {
    OnnxGraph graph;
    graph.input("x", {"n", "3"});
    graph.node("ReduceSum", {"x"}, "y");
    graph.output("y", {"a", "b"});
    expect_refused(graph, Errc::Invalid, "[1, 1] for 2 samples");
}

/// x + max(zeros of [samples * n]), which takes 4 n bytes a sample for a moment.
OnnxGraph glutton(std::int64_t n) {
    OnnxGraph graph = adder({0});
    graph.model.mutable_graph()->mutable_node(0)->set_input(1, "most");
    TensorProto& times = graph.weights("times", {2}, {});
    times.set_data_type(TensorProto::INT64);
    times.add_int64_data(n);
    times.add_int64_data(1);
    graph.node("Shape", {"x"}, "shape");
    graph.node("Mul", {"shape", "times"}, "large");
    graph.node("ConstantOfShape", {"large"}, "zeros");
    onnx::AttributeProto& keep = *graph.node("ReduceMax", {"zeros"}, "most").add_attribute();
    keep.set_name("keepdims");
    keep.set_type(onnx::AttributeProto::INT);
    keep.set_i(0);
    auto& nodes = *graph.model.mutable_graph()->mutable_node();
    std::ranges::rotate(nodes, nodes.begin() + 1);
    return graph;
}

TEST(Runner, RefusesANetworkThatWantsAllMemory) {
    EXPECT_TRUE(Runner::from_onnx(glutton(1000).bytes(), {}));
    expect_refused(glutton(2'000'000'000), Errc::Invalid, "it does not run: Available memory");
}

void describe_scalar(onnx::ValueInfoProto& value, const std::string& name, int type) {
    value.set_name(name);
    value.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    value.mutable_type()->mutable_tensor_type()->mutable_shape();
}

TEST(Runner, RefusesANetworkThatDoesNotEnd) {
    OnnxGraph body;
    describe_scalar(*body.model.mutable_graph()->add_input(), "i", TensorProto::INT64);
    describe_scalar(*body.model.mutable_graph()->add_input(), "go", TensorProto::BOOL);
    body.input("v", {"n", "3"});
    body.node("Identity", {"go"}, "on").set_name("first");
    body.node("Identity", {"v"}, "w").set_name("second");
    describe_scalar(*body.model.mutable_graph()->add_output(), "on", TensorProto::BOOL);
    body.output("w", {"n", "3"});
    OnnxGraph graph;
    graph.input("x", {"n", "3"});
    TensorProto& times = graph.weights("times", {}, {});
    times.set_data_type(TensorProto::INT64);
    times.add_int64_data(std::numeric_limits<std::int64_t>::max());
    onnx::AttributeProto& attribute = *graph.node("Loop", {"times", "", "x"}, "y").add_attribute();
    attribute.set_name("body");
    attribute.set_type(onnx::AttributeProto::GRAPH);
    *attribute.mutable_g() = body.model.graph();
    graph.output("y", {"n", "3"});
    expect_refused(graph, Errc::Invalid, "it does not run: not done with 2 samples after 5s");
}

TEST(Runner, SaysWhyShapesDoNotFit) {
    const OnnxGraph graph = adder({1, 2, 3, 4});
    const Error error = refusal(graph.bytes());
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.contains("Add")) << error.message;
    EXPECT_FALSE(error.message.contains(".cc")) << "ONNX Runtime's sources are not news";
    EXPECT_FALSE(error.log.empty());
}

TEST(Runner, RefusesMorePartsThanAModelHas) {
    std::string nodes;  // "0a 00" is a node: two bytes of the file, hundreds in memory
    for (int i = 0; i < 1'000'001; ++i) nodes += std::string("\x0A\0", 2);
    onnx::ModelProto empty;
    empty.set_ir_version(8);
    std::string bytes = empty.SerializeAsString() + char{0x3A};  // field 7: the graph
    for (std::size_t length = nodes.size(); length > 0; length >>= 7U)
        bytes += static_cast<char>((length & 0x7FU) | (length > 0x7F ? 0x80U : 0U));
    const Error error = refusal(bytes + nodes);
    EXPECT_EQ(error.code, Errc::Invalid);
    EXPECT_TRUE(error.message.contains("parts")) << error.message;
}

TEST(Runner, RefusesGraphsInGraphsWithoutEnd) {
    onnx::GraphProto graph;
    for (int depth = 0; depth < 500; ++depth) {
        onnx::GraphProto outer;
        *outer.add_node()->add_attribute()->mutable_g() = std::move(graph);
        graph = std::move(outer);
    }
    OnnxGraph deep;
    *deep.model.mutable_graph() = std::move(graph);
    EXPECT_EQ(refusal(deep.bytes()).code, Errc::Invalid);
}

TEST(ModelFile, IsToldByItsContent) {
    const ScratchFolder folder;
    const auto onnx = folder.file("model.h5", test::perceptron().bytes());
    EXPECT_EQ(file_kind(onnx), FileKind::Onnx);
    EXPECT_TRUE(Runner::open(onnx, {})) << "the name does not matter";
    EXPECT_EQ(file_kind(folder.file("a", "\x89HDF\r\n\x1a\n...")), FileKind::KerasHdf5);
    EXPECT_EQ(file_kind(folder.file("b", std::string(512, ' ') + "\x89HDF\r\n\x1a\n")),
              FileKind::KerasHdf5);
    EXPECT_EQ(file_kind(folder.file("c", "PK\x03\x04...")), FileKind::KerasZip);
}

TEST(ModelFile, RefusesWhatIsNoFile) {
    const ScratchFolder folder;
    const auto code = [](const std::filesystem::path& path) {
        auto runner = Runner::open(path, {});
        EXPECT_FALSE(runner);
        EXPECT_TRUE(runner.error().message.contains(path.string())) << runner.error().message;
        return runner.error().code;
    };
    EXPECT_EQ(code(folder.path() / "none.onnx"), Errc::NotFound);
    EXPECT_EQ(code(folder.path()), Errc::Invalid);
    EXPECT_EQ(code("/dev/zero"), Errc::Invalid);
    EXPECT_EQ(code(folder.file("empty.onnx", "")), Errc::Invalid);
    EXPECT_EQ(code(folder.file("text.onnx", "This is not a model.\n")), Errc::Invalid);
    const auto huge = folder.file("huge.onnx", "x");
    std::filesystem::resize_file(huge, (std::uintmax_t{1} << 30) + 1);  // sparse
    EXPECT_EQ(code(huge), Errc::Invalid);
}

TEST(ModelFile, TellsTheOperatorsWithShapesAndWeights) {
    const ScratchFolder folder;
    const auto description = describe(folder.file("m.onnx", test::perceptron().bytes()));
    ASSERT_TRUE(description) << description.error().message;
    EXPECT_EQ(description->version, "IR 8, opset 13");
    EXPECT_EQ(description->producer, "a test");
    EXPECT_EQ(description->weights, 111U);
    ASSERT_EQ(description->layers.size(), 3U);
    EXPECT_EQ(description->layers[0].kind, "Flatten");
    EXPECT_EQ(description->layers[0].output, (std::vector<std::int64_t>{110}));
    EXPECT_EQ(description->layers[1].name, "the Gemm");
    EXPECT_EQ(description->layers[1].weights, 111U);
    EXPECT_EQ(description->signature.input, (std::vector<std::int64_t>{10, 11, 1}));
}

TEST(Runner, SaysWhatIsThereWhereThereIsNoCuda) {
    const auto runner = Runner::from_onnx(test::perceptron().bytes(), {.device = Device::Cuda});
    if (runner) GTEST_SKIP() << "this machine has CUDA";
    EXPECT_EQ(runner.error().code, Errc::Unsupported);
    EXPECT_TRUE(runner.error().message.contains("ONNX Runtime 1.")) << runner.error().message;
    EXPECT_FALSE(runner.error().hint.empty());
}

}  // namespace
}  // namespace weir::model

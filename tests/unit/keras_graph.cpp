// SPDX-License-Identifier: Apache-2.0
// Architectures that cannot be, or that have no bounds.
#include "unit/keras_model.h"

namespace weir::model {
namespace {

json called(json layer, const json& nodes) {
    layer["name"] = layer["config"]["name"];
    layer["inbound_nodes"] = nodes;
    return layer;
}

json functional(const std::vector<json>& layers, const std::string& output) {
    return {{"class_name", "Functional"},
            {"config",
             {{"name", "m"},
              {"layers", layers},
              {"input_layers", {{"x", 0, 0}}},
              {"output_layers", {{output, 0, 0}}}}}};
}

json node(const std::string& from, const json& call = 0) {
    return json::array({json::array({json::array({from, call, 0, json::object()})})});
}

TEST(KerasGraph, RefusesGraphsThatCannotBe) {
    const json x = called(input({nullptr, 3}), json::array());
    const json relu = layer("ReLU", "r");
    const auto get = [&](const json& model) { return read(KerasH5{.config = model.dump()}); };
    EXPECT_TRUE(get(functional({x, called(relu, node("x"))}, "r")));
    EXPECT_TRUE(refuses(get(functional({x, called(relu, node("r"))}, "r")), Errc::Invalid,
                        "r: it is called with its own output"));
    EXPECT_TRUE(refuses(
        get(functional({x, called(relu, node("s")), called(layer("ReLU", "s"), node("r"))}, "r")),
        Errc::Invalid, "in a circle"));
    EXPECT_TRUE(
        refuses(get(functional({x, called(relu, node("y"))}, "r")), Errc::Invalid, "layer y"));
    EXPECT_TRUE(refuses(get(functional({x, called(relu, node("x", 7))}, "r")), Errc::Invalid,
                        "call 7 of layer x"));
    EXPECT_TRUE(refuses(get(functional({x, called(relu, node("x", -1))}, "r")), Errc::Invalid,
                        "no output of a layer"));
    EXPECT_TRUE(
        refuses(get(functional({x, called(relu, node("x"))}, "t")), Errc::Invalid, "layer t"));
    EXPECT_TRUE(refuses(get(functional({x, called(relu, node("x")), called(relu, node("x"))}, "r")),
                        Errc::Invalid, "two layers are called r"));
    EXPECT_TRUE(refuses(get(functional({x, relu}, "r")), Errc::Invalid, "inbound_nodes"));
    EXPECT_TRUE(refuses(get(functional({x, called(relu, json::array({{{"args", {3.5}}}}))}, "r")),
                        Errc::Unsupported, "3.5"));
}

TEST(KerasGraph, RefusesOperationsAndLayersOfOnesOwn) {
    const json x = called(input({nullptr, 3}), json::array());
    json operation = called(layer("Add", "add"), node("x"));
    operation["module"] = "keras.src.ops.numpy";
    EXPECT_TRUE(refuses(read(KerasH5{.config = functional({x, operation}, "add").dump()}),
                        Errc::Unsupported, "operation keras.src.ops.numpy.Add"));
    json own = called(dense("mine"), node("x"));
    own["registered_name"] = "Mine>Dense";
    EXPECT_TRUE(refuses(read(KerasH5{.config = functional({x, own}, "mine").dump()}),
                        Errc::Unsupported, "Mine>Dense"));
}

TEST(KerasGraph, RefusesJsonWithoutBounds) {
    const std::string deep(1'000'000, '[');
    EXPECT_TRUE(refuses(read(KerasH5{.config = R"({"a":)" + deep.substr(0, 60'000)}), Errc::Invalid,
                        "deeper"));
    const ScratchFolder folder;
    const auto archive = test::zip_file({{.name = "config.json", .content = deep}});
    EXPECT_TRUE(refuses(read_keras(folder.file("m.keras", archive)), Errc::Invalid, "deeper"));
}

/// Each level calls the one inside of it ten times, one after the other: 10^8 calls, from a short
/// text. Nothing is ever added to the graph, so only the calls can be counted.
TEST(KerasGraph, RefusesModelsThatGrowWithoutBounds) {
    json model = functional({called(input({nullptr, 3}), json::array())}, "x");
    for (int level = 0; level < 8; ++level) {
        json calls = json::array({node("x")[0]});
        for (int i = 0; i < 9; ++i) calls.push_back(node("inner", i)[0]);
        model["config"]["name"] = "inner";
        json outer =
            functional({called(input({nullptr, 3}), json::array()), called(model, calls)}, "inner");
        outer["config"]["output_layers"] = {{"inner", 9, 0}};
        model = outer;
    }
    EXPECT_TRUE(refuses(read(KerasH5{.config = model.dump()}), Errc::Invalid,
                        "more layers than any model"));
}

}  // namespace
}  // namespace weir::model

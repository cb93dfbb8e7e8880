// SPDX-License-Identifier: Apache-2.0
#include "model/keras_architecture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "model/keras_call_order.h"

namespace weir::model::keras {
namespace {

/// The models around a layer.
struct Around {
    std::string prefix;              ///< "encoder/", or empty
    std::vector<std::string> names;  ///< {"encoder"}
    std::string numbered;            ///< "layers/functional/"
};

/// A layer as the file says it.
struct Layer {
    std::string name, kind;
    const Json* json = nullptr;
    const Json* config = nullptr;
    WeightPlace place;
};

bool is_model(std::string_view kind) {
    return kind == "Sequential" || kind == "Functional" || kind == "Model";
}

std::string policy_of(const Json& config) {
    const Json* dtype = member(config, "dtype");
    if (dtype == nullptr) return "float32";
    if (dtype->is_string()) return dtype->get<std::string>();
    const Json* policy = member(*dtype, "config");
    return policy != nullptr ? text_member(*policy, "name") : excerpt(*dtype);
}

/// [null, 10, 11, 1] without the samples. Errors: Invalid, Unsupported.
Result<Shape> read_shape(const Json& json) {
    if (!json.is_array() || json.empty())
        return fail(Errc::Invalid, fmt::format("{} is no shape", excerpt(json)));
    Shape shape;
    for (std::size_t i = 1; i < json.size(); ++i) {
        if (json[i].is_null())
            return fail(Errc::Unsupported,
                        fmt::format("its input {} is not of one size", excerpt(json)));
        const auto size = whole_number(json[i]);
        if (!size || *size < 1)
            return fail(Errc::Invalid, fmt::format("{} is no shape", excerpt(json)));
        shape.push_back(*size);
    }
    if (!shape_values(shape))
        return fail(Errc::Invalid, fmt::format("its input {} is too large", excerpt(json)));
    return shape;
}

/// What a layer, or a model, says of its input's shape; nullptr: nothing.
const Json* said_shape(const Json& layer) {
    const Json* config = member(layer, "config");
    if (config == nullptr) return nullptr;
    for (const char* key : {"batch_shape", "batch_input_shape", "build_input_shape"})
        if (const Json* shape = member(*config, key)) return shape;
    // A model that begins with a model, as often as the JSON is deep.
    const Json* layers = config->is_array() ? config : member(*config, "layers");
    if (layers != nullptr && layers->is_array() && !layers->empty())
        if (const Json* shape = said_shape(layers->front())) return shape;
    const Json* build = member(layer, "build_config");
    return build != nullptr ? member(*build, "input_shape") : nullptr;
}

class ArchitectureReader {
public:
    /// The calls that are the model's outputs. `bound`: what a model within a model is called with.
    Result<std::vector<std::size_t>> read(const Json& model, const Around& around,
                                          const std::vector<std::size_t>* bound);
    Architecture take() && { return std::move(all_); }

private:
    Result<std::vector<std::size_t>> sequential(const Json& model, const Around& around,
                                                const std::vector<std::size_t>* bound);
    Result<std::vector<std::size_t>> functional(const Json& model, const Around& around,
                                                const std::vector<std::size_t>* bound);
    static Result<std::vector<Layer>> read_layers(const Json& model, const Around& around);
    Result<std::vector<std::size_t>> call(const Layer& layer, const Around& around,
                                          std::vector<std::size_t> inputs);
    Result<std::vector<std::size_t>> functional_input(const Layer& layer, const Node& inputs,
                                                      const std::vector<std::size_t>* bound);
    Result<std::size_t> add_input(const std::string& name, const Json* config, const Json* shape);

    Architecture all_;
    std::size_t calls_ = 0;
};

Result<Layer> read_layer(const Json& json) {
    const Json* config = member(json, "config");
    Layer layer{.name = text_member(json, "name"),
                .kind = text_member(json, "class_name"),
                .json = &json,
                .config = config,
                .place = {}};
    if (layer.kind.empty() || config == nullptr)
        return fail(Errc::Invalid, fmt::format("{} is no layer", excerpt(json)));
    if (layer.name.empty()) layer.name = text_member(*config, "name");
    if (layer.name.empty()) layer.name = stored_name(layer.kind);
    // An operation is called as a layer is: Add, for x + y. And so may be what a user wrote.
    const std::string module = text_member(json, "module");
    if (module.find(".ops") != std::string::npos)
        return fail(Errc::Unsupported, fmt::format("{}: weir does not know the operation {}.{}",
                                                   layer.name, module, layer.kind));
    const std::string registered = text_member(json, "registered_name");
    if (registered.find('>') != std::string::npos)
        return fail(Errc::Unsupported,
                    fmt::format("{}: weir does not know the layer {}", layer.name, registered));
    return layer;
}

Result<> check_policy(const Layer& layer) {
    const std::string policy = policy_of(*layer.config);
    if (is_model(layer.kind) || policy == "float32" || policy == "float64") return {};
    return fail(Errc::Unsupported,
                fmt::format("{}: weir does not do dtype {}", layer.name, policy));
}

Result<std::vector<Layer>> ArchitectureReader::read_layers(const Json& model,
                                                           const Around& around) {
    const Json* config = member(model, "config");
    const Json* list =
        config != nullptr && config->is_object() ? member(*config, "layers") : config;
    if (list == nullptr || !list->is_array() || list->empty())
        return fail(Errc::Invalid, "it has no layers");
    if (list->size() > kMostCalls) return fail(Errc::Invalid, "it has more layers than any model");
    std::vector<Layer> layers;
    std::map<std::string, int> numbers;
    std::set<std::string> names;
    for (const Json& json : *list) {
        auto layer = read_layer(json);
        if (!layer) return pass_on(layer);
        if (auto r = check_policy(*layer); !r) return pass_on(r);
        if (!names.insert(layer->name).second)
            return fail(Errc::Invalid, fmt::format("two layers are called {}", layer->name));
        const std::string stored = stored_name(layer->kind);
        const int number = numbers[stored]++;
        layer->place.names = around.names;
        layer->place.names.push_back(layer->name);
        layer->place.numbered = fmt::format("{}layers/{}", around.numbered, stored);
        if (number > 0) layer->place.numbered += fmt::format("_{}", number);
        layers.push_back(std::move(*layer));
    }
    return layers;
}

Result<std::size_t> ArchitectureReader::add_input(const std::string& name, const Json* config,
                                                  const Json* said) {
    if (said == nullptr)
        return fail(Errc::Invalid, fmt::format("{}: it does not say its input's shape", name));
    auto shape = read_shape(*said);
    if (!shape) return wrap(shape, name);
    all_.inputs.push_back(all_.calls.size());
    all_.calls.push_back({.name = name,
                          .kind = "InputLayer",
                          .config = config,
                          .place = {},
                          .inputs = {},
                          .shape = std::move(*shape)});
    return all_.inputs.back();
}

Result<std::vector<std::size_t>> ArchitectureReader::call(const Layer& layer, const Around& around,
                                                          std::vector<std::size_t> inputs) {
    if (++calls_ > kMostCalls) return fail(Errc::Invalid, "it has more layers than any model");
    if (is_model(layer.kind)) {
        const Around inside{.prefix = around.prefix + layer.name + "/",
                            .names = layer.place.names,
                            .numbered = layer.place.numbered + "/"};
        auto outputs = read(*layer.json, inside, &inputs);
        if (!outputs) return wrap(outputs, layer.name);
        return outputs;
    }
    if (inputs.empty())
        return fail(Errc::Invalid, fmt::format("{}: it is called with nothing", layer.name));
    all_.calls.push_back({.name = around.prefix + layer.name,
                          .kind = layer.kind,
                          .config = layer.config,
                          .place = layer.place,
                          .inputs = std::move(inputs),
                          .shape = {}});
    return std::vector{all_.calls.size() - 1};
}

Result<std::vector<std::size_t>> ArchitectureReader::sequential(
    const Json& model, const Around& around, const std::vector<std::size_t>* bound) {
    auto layers = read_layers(model, around);
    if (!layers) return pass_on(layers);
    const Layer& first = layers->front();
    const bool has_input = first.kind == "InputLayer";
    std::vector<std::size_t> last;
    if (bound != nullptr) {
        last = *bound;
    } else {
        auto input = add_input(has_input ? first.name : first.name + "_input",
                               has_input ? first.config : nullptr, said_shape(model));
        if (!input) return pass_on(input);
        last = {*input};
    }
    for (const Layer& layer : *layers) {
        if (&layer == &first && has_input) continue;
        auto outputs = call(layer, around, last);
        if (!outputs) return pass_on(outputs);
        if (outputs->size() != 1)
            return fail(Errc::Invalid, fmt::format("{}: it has several outputs", layer.name));
        last = std::move(*outputs);
    }
    return last;
}

/// Which calls of ours stand for each call of a Functional model.
class Outputs {
public:
    explicit Outputs(const CallOrder& order) : order_(&order), calls_(order.steps().size()) {}

    void set(const CallOrder::Step& step, std::vector<std::size_t> calls) {
        calls_[order_->number(step)] = std::move(calls);
    }
    [[nodiscard]] Result<std::vector<std::size_t>> of(const Node& refs) const {
        std::vector<std::size_t> found;
        for (const NodeRef& ref : refs) {
            auto number = order_->number(ref);
            if (!number) return pass_on(number);
            if (ref.tensor >= calls_[*number].size())
                return fail(Errc::Invalid,
                            fmt::format("layer {} has no output {}", ref.layer, ref.tensor));
            found.push_back(calls_[*number][ref.tensor]);
        }
        return found;
    }

private:
    const CallOrder* order_;
    std::vector<std::vector<std::size_t>> calls_;
};

Result<std::vector<CalledLayer>> read_calls(const std::vector<Layer>& layers) {
    std::vector<CalledLayer> called;
    for (const Layer& layer : layers) {
        std::vector<Node> nodes = {Node()};  // of an InputLayer
        if (layer.kind != "InputLayer") {
            auto read = read_inbound_nodes(*layer.json);
            if (!read) return wrap(read, layer.name);
            nodes = std::move(*read);
        }
        called.push_back(
            {.name = layer.name, .is_model = is_model(layer.kind), .nodes = std::move(nodes)});
    }
    return called;
}

Result<std::vector<std::size_t>> ArchitectureReader::functional_input(
    const Layer& layer, const Node& inputs, const std::vector<std::size_t>* bound) {
    const auto place = std::ranges::find(inputs, layer.name, &NodeRef::layer);
    if (place == inputs.end())
        return fail(Errc::Invalid, fmt::format("{}: it is no input of the model", layer.name));
    if (bound != nullptr)
        return std::vector{(*bound)[static_cast<std::size_t>(place - inputs.begin())]};
    auto input = add_input(layer.name, layer.config, said_shape(*layer.json));
    if (!input) return pass_on(input);
    return std::vector{*input};
}

Result<std::vector<std::size_t>> ArchitectureReader::functional(
    const Json& model, const Around& around, const std::vector<std::size_t>* bound) {
    auto layers = read_layers(model, around);
    if (!layers) return pass_on(layers);
    auto called = read_calls(*layers);
    if (!called) return pass_on(called);
    const Json& config = *member(model, "config");
    auto inputs = read_refs(member(config, "input_layers"));
    if (!inputs) return pass_on(inputs);
    auto last = read_refs(member(config, "output_layers"));
    if (!last) return pass_on(last);
    if (bound != nullptr && bound->size() != inputs->size())
        return fail(Errc::Invalid, fmt::format("it has {} inputs and is called with {}",
                                               inputs->size(), bound->size()));
    auto order = CallOrder::of(*called, *last);
    if (!order) return pass_on(order);
    Outputs outputs(*order);
    for (const CallOrder::Step& step : order->steps()) {
        const Layer& layer = (*layers)[step.layer];
        auto taken = outputs.of((*called)[step.layer].nodes[step.node]);
        if (!taken) return wrap(taken, layer.name);
        auto made = layer.kind == "InputLayer" ? functional_input(layer, *inputs, bound)
                                               : call(layer, around, std::move(*taken));
        if (!made) return pass_on(made);
        outputs.set(step, std::move(*made));
    }
    return outputs.of(*last);
}

Result<std::vector<std::size_t>> ArchitectureReader::read(const Json& model, const Around& around,
                                                          const std::vector<std::size_t>* bound) {
    const std::string kind = text_member(model, "class_name");
    if (kind == "Sequential") return sequential(model, around, bound);
    if (kind == "Functional" || kind == "Model") return functional(model, around, bound);
    if (kind.empty()) return fail(Errc::Invalid, "its architecture is no model's");
    return fail(Errc::Unsupported, fmt::format("weir does not know the model class {}", kind),
                "Sequential and Functional models are read");
}

}  // namespace

std::string stored_name(std::string_view kind) {
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    std::string name;
    for (std::size_t i = 0; i < kind.size(); ++i) {
        const char c = kind[i];
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') continue;
        // Before a capital that begins a word, or that follows a small letter.
        const bool begins_word = i + 1 < kind.size() && is_lower(kind[i + 1]);
        const bool follows_small = i > 0 && is_lower(kind[i - 1]);
        if (i > 0 && is_upper(c) && (begins_word || follows_small)) name += '_';
        name += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return name;
}

Result<Architecture> read_architecture(const Json& model) {
    ArchitectureReader reader;
    auto outputs = reader.read(model, {}, nullptr);
    if (!outputs) return pass_on(outputs);
    Architecture all = std::move(reader).take();
    all.outputs = std::move(*outputs);
    return all;
}

}  // namespace weir::model::keras

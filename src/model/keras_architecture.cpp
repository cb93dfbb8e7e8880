// SPDX-License-Identifier: Apache-2.0
#include "model/keras_architecture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <set>

#include "model/keras_nodes.h"

namespace weir::model::keras {
namespace {

constexpr std::size_t kMostCalls = 10'000;  // models in models can make a short file long

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
    std::vector<Node> nodes;  ///< of a Functional model
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
    Result<std::vector<Layer>> read_layers(const Json& model, const Around& around);
    Result<std::vector<std::size_t>> call(const Layer& layer, const Around& around,
                                          std::vector<std::size_t> inputs);
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
                .place = {},
                .nodes = {}};
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

/// The calls of a Functional model's layers, and the order in which they can be made.
class CallOrder {
public:
    static Result<CallOrder> of(const std::vector<Layer>& layers);

    struct Step {
        std::size_t layer, node;
    };
    [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
    /// The number of a call among all. Errors: Invalid (there is no such call).
    [[nodiscard]] Result<std::size_t> number(const NodeRef& ref) const;
    [[nodiscard]] std::size_t number(const Step& step) const {
        return first_[step.layer] + step.node;
    }

private:
    Result<> sort(const std::vector<Layer>& layers);

    std::map<std::string, std::size_t, std::less<>> layers_;
    std::vector<std::size_t> first_;  ///< for each layer: the number of its first call
    std::vector<Step> all_, steps_;
};

Result<std::size_t> CallOrder::number(const NodeRef& ref) const {
    const auto layer = layers_.find(ref.layer);
    if (layer != layers_.end()) {
        const std::size_t number = first_[layer->second] + ref.node;
        const bool is_last = layer->second + 1 == first_.size();
        if (number < (is_last ? all_.size() : first_[layer->second + 1])) return number;
    }
    return fail(Errc::Invalid,
                fmt::format("there is no output of call {} of layer {}", ref.node, ref.layer));
}

Result<CallOrder> CallOrder::of(const std::vector<Layer>& layers) {
    CallOrder order;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        order.layers_.emplace(layers[i].name, i);
        order.first_.push_back(order.all_.size());
        for (std::size_t node = 0; node < layers[i].nodes.size(); ++node)
            order.all_.push_back({.layer = i, .node = node});
        if (order.all_.size() > kMostCalls)
            return fail(Errc::Invalid, "it has more layers than any model");
    }
    if (auto r = order.sort(layers); !r) return pass_on(r);
    return order;
}

Result<> CallOrder::sort(const std::vector<Layer>& layers) {
    std::vector<std::vector<std::size_t>> dependents(all_.size());
    std::vector<std::size_t> missing(all_.size());
    std::deque<std::size_t> ready;
    for (std::size_t i = 0; i < all_.size(); ++i) {
        for (const NodeRef& ref : layers[all_[i].layer].nodes[all_[i].node]) {
            auto from = number(ref);
            if (!from) return wrap(from, layers[all_[i].layer].name);
            dependents[*from].push_back(i);
            ++missing[i];
        }
        if (missing[i] == 0) ready.push_back(i);
    }
    while (!ready.empty()) {
        const std::size_t i = ready.front();
        ready.pop_front();
        steps_.push_back(all_[i]);
        for (const std::size_t dependent : dependents[i])
            if (--missing[dependent] == 0) ready.push_back(dependent);
    }
    if (steps_.size() == all_.size()) return {};
    const auto stuck = std::ranges::find_if(missing, [](std::size_t n) { return n > 0; });
    const auto& step = all_[static_cast<std::size_t>(std::distance(missing.begin(), stuck))];
    return fail(Errc::Invalid, fmt::format("{}: it is called with its own output, in a circle",
                                           layers[step.layer].name));
}

/// Which calls of ours stand for each call of a Functional model.
class Outputs {
public:
    Outputs(const CallOrder& order, std::size_t count) : order_(&order), calls_(count) {}

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

Result<> read_all_nodes(std::vector<Layer>& layers) {
    for (Layer& layer : layers) {
        if (layer.kind == "InputLayer") {
            layer.nodes = {Node()};
            continue;
        }
        auto nodes = read_inbound_nodes(*layer.json);
        if (!nodes) return wrap(nodes, layer.name);
        layer.nodes = std::move(*nodes);
    }
    return {};
}

Result<std::vector<std::size_t>> ArchitectureReader::functional(
    const Json& model, const Around& around, const std::vector<std::size_t>* bound) {
    auto layers = read_layers(model, around);
    if (!layers) return pass_on(layers);
    if (auto r = read_all_nodes(*layers); !r) return pass_on(r);
    auto order = CallOrder::of(*layers);
    if (!order) return pass_on(order);
    const Json& config = *member(model, "config");
    auto inputs = read_refs(member(config, "input_layers"));
    if (!inputs) return pass_on(inputs);
    if (bound != nullptr && bound->size() != inputs->size())
        return fail(Errc::Invalid, fmt::format("it has {} inputs and is called with {}",
                                               inputs->size(), bound->size()));
    Outputs outputs(*order, order->steps().size());
    for (const CallOrder::Step& step : order->steps()) {
        const Layer& layer = (*layers)[step.layer];
        std::vector<std::size_t> made;
        if (layer.kind == "InputLayer") {
            const auto place = std::ranges::find(*inputs, layer.name, &NodeRef::layer);
            if (place == inputs->end())
                return fail(Errc::Invalid,
                            fmt::format("{}: it is no input of the model", layer.name));
            if (bound != nullptr) {
                made = {(*bound)[static_cast<std::size_t>(place - inputs->begin())]};
            } else {
                auto input = add_input(layer.name, layer.config, said_shape(*layer.json));
                if (!input) return pass_on(input);
                made = {*input};
            }
        } else {
            auto taken = outputs.of(layer.nodes[step.node]);
            if (!taken) return wrap(taken, layer.name);
            auto calls = call(layer, around, std::move(*taken));
            if (!calls) return pass_on(calls);
            made = std::move(*calls);
        }
        outputs.set(step, std::move(made));
    }
    auto last = read_refs(member(config, "output_layers"));
    if (!last) return pass_on(last);
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

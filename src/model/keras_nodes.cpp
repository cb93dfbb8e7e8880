// SPDX-License-Identifier: Apache-2.0
#include "model/keras_nodes.h"

#include <fmt/format.h>

namespace weir::model::keras {
namespace {

std::optional<std::size_t> index(const Json& json) {
    const auto number = whole_number(json);
    if (!number || *number < 0 || *number > kMostUnits) return std::nullopt;
    return static_cast<std::size_t>(*number);
}

/// ["dense", 0, 0], or with the call's options behind it.
bool is_ref(const Json& json) {
    return json.is_array() && json.size() >= 3 && json[0].is_string() && json[1].is_number() &&
           json[2].is_number();
}

Result<NodeRef> read_ref(const Json& json) {
    const auto node = index(json[1]), tensor = index(json[2]);
    if (!node || !tensor)
        return fail(Errc::Invalid, fmt::format("{} is no output of a layer", excerpt(json)));
    return NodeRef{.layer = json[0].get<std::string>(), .node = *node, .tensor = *tensor};
}

bool is_unset(const Json& value) {
    return value.is_null() || (value.is_boolean() && !value.get<bool>());
}

Result<> collect(const Json& json, Node& node);

/// Options of the call: "training": false is what predicting is.
Result<> check_options(const Json& options, Node& node) {
    for (const auto& [key, value] : options.items()) {
        if (is_unset(value)) continue;
        if (key != "inputs")
            return fail(Errc::Unsupported,
                        fmt::format("weir does not do a call with {} = {}", key, excerpt(value)));
        if (auto r = collect(value, node); !r) return r;
    }
    return {};
}

/// Depth: that of the JSON, which is limited.
Result<> collect(const Json& json, Node& node) {
    if (json.is_null()) return {};
    if (is_ref(json)) {
        auto ref = read_ref(json);
        if (!ref) return pass_on(ref);
        node.push_back(std::move(*ref));
        return json.size() > 3 && json[3].is_object() ? check_options(json[3], node) : Result<>();
    }
    if (json.is_array()) {
        for (const Json& each : json)
            if (auto r = collect(each, node); !r) return r;
        return {};
    }
    const Json* config = member(json, "config");
    const Json* history = config != nullptr ? member(*config, "keras_history") : nullptr;
    if (text_member(json, "class_name") != "__keras_tensor__" || history == nullptr ||
        !is_ref(*history))
        return fail(Errc::Unsupported,
                    fmt::format("weir does not do a call with {}", excerpt(json)));
    auto ref = read_ref(*history);
    if (!ref) return pass_on(ref);
    node.push_back(std::move(*ref));
    return {};
}

}  // namespace

Result<std::vector<Node>> read_inbound_nodes(const Json& layer) {
    const Json* list = member(layer, "inbound_nodes");
    if (list == nullptr || !list->is_array())
        return fail(Errc::Invalid, "it does not say what it is called with (inbound_nodes)");
    std::vector<Node> nodes;
    for (const Json& call : *list) {
        Node node;
        if (call.is_object()) {
            const Json* args = member(call, "args");
            const Json* options = member(call, "kwargs");
            if (args != nullptr)
                if (auto r = collect(*args, node); !r) return pass_on(r);
            if (options != nullptr && options->is_object())
                if (auto r = check_options(*options, node); !r) return pass_on(r);
        } else if (auto r = collect(call, node); !r) {
            return pass_on(r);
        }
        nodes.push_back(std::move(node));
    }
    return nodes;
}

Result<Node> read_refs(const Json* json) {
    Node node;
    if (json != nullptr && json->is_array())
        if (auto r = collect(*json, node); !r) return pass_on(r);
    if (node.empty()) return fail(Errc::Invalid, "it does not say its inputs and outputs");
    return node;
}

}  // namespace weir::model::keras

// SPDX-License-Identifier: Apache-2.0
#include "model/keras_call_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

namespace weir::model::keras {
namespace {

/// Who refers to a layer's last call by a number one too high counts from 1.
void count_models_from_0(std::vector<CalledLayer>& layers, Node& outputs) {
    std::map<std::string, std::size_t> calls;
    for (const CalledLayer& layer : layers)
        if (layer.is_model) calls.emplace(layer.name, layer.nodes.size());
    std::map<std::string, bool> from_1;
    const auto for_each_ref = [&](const auto& act) {
        for (CalledLayer& layer : layers)
            for (Node& node : layer.nodes) std::ranges::for_each(node, act);
        std::ranges::for_each(outputs, act);
    };
    for_each_ref([&](const NodeRef& ref) {
        const auto model = calls.find(ref.layer);
        if (model != calls.end() && ref.node == model->second) from_1[ref.layer] = true;
    });
    for_each_ref([&](NodeRef& ref) {
        if (ref.node > 0 && from_1.contains(ref.layer)) --ref.node;
    });
}

}  // namespace

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

Result<CallOrder> CallOrder::of(std::vector<CalledLayer>& layers, Node& outputs) {
    count_models_from_0(layers, outputs);
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

Result<> CallOrder::sort(const std::vector<CalledLayer>& layers) {
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

}  // namespace weir::model::keras

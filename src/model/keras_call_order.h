// SPDX-License-Identifier: Apache-2.0
#pragma once
// The order in which the calls of a Functional model's layers can be made.
//
// Ownership: plain values. Thread rule: immutable once made.
#include <map>
#include <string>
#include <vector>

#include "model/keras_nodes.h"

namespace weir::model::keras {

struct CalledLayer {
    std::string name;
    bool is_model = false;
    std::vector<Node> nodes;  ///< its calls
};

class CallOrder {
public:
    /// `outputs`: what the model gives. Where calls of a model are counted from 1, as Keras does
    /// (0 is the call that made it), they and `outputs` are counted from 0 afterwards.
    /// Errors: Invalid (a circle, a call of what is not there, more than any model has).
    static Result<CallOrder> of(std::vector<CalledLayer>& layers, Node& outputs);

    struct Step {
        std::size_t layer, node;
    };
    /// All calls, each after those whose output it takes.
    [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
    /// The number of a call among all. Errors: Invalid (there is no such call).
    [[nodiscard]] Result<std::size_t> number(const NodeRef& ref) const;
    [[nodiscard]] std::size_t number(const Step& step) const {
        return first_[step.layer] + step.node;
    }

private:
    Result<> sort(const std::vector<CalledLayer>& layers);

    std::map<std::string, std::size_t, std::less<>> layers_;
    std::vector<std::size_t> first_;  ///< for each layer: the number of its first call
    std::vector<Step> all_, steps_;
};

constexpr std::size_t kMostCalls = 10'000;  // models in models can make a short file long

}  // namespace weir::model::keras

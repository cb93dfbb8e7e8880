// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a flow tensor to a model's input: the fit of probe, profile and model, checked once, and the
// conversion of flows by it.
//
//     auto input = model::Input::fit(*table.flows, profile, *shape, window);
//     const auto context = input->context(table);     // once a window
//     input->convert(table, context, first, out);     // out: [n, packets, features]
//
// Ownership: plain values; copies what it needs of the layout. Thread rule: immutable.
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/flow_context.h"
#include "model/profile.h"
#include "weir/flow_tensor.h"
#include "weir/result.h"

namespace weir::model {

/// LUCID's shape is [packets, features] or [packets, features, 1].
struct InputShape {
    std::size_t packets = 0, features = 0;
};

/// What a model's input, without the samples, means for flows. Errors: Rejected, with the shape.
[[nodiscard]] Result<InputShape> input_shape(std::span<const std::int64_t> dimensions);

/// Whether values are divided, as a model wants them, or left as the features are.
enum class Scale { Divided, Raw };

class Input {
public:
    /// Errors: Rejected: a feature that the probe does not have (with those that it has) or that is
    /// not what its encoding needs; another number of features or of packets than the model takes
    /// (with both shapes and names).
    [[nodiscard]] static Result<Input> fit(const FlowLayout& layout, const Profile& profile,
                                           const InputShape& shape,
                                           std::chrono::nanoseconds window);

    [[nodiscard]] const InputShape& shape() const;
    /// Values of one flow.
    [[nodiscard]] std::size_t values() const;

    /// What the columns need of the window's other flows; empty where they need nothing.
    /// Cost: that of FlowContexts::of().
    [[nodiscard]] std::vector<FlowContext> context(const Table& table) const;

    /// Writes flows [first, first + out.size() / values()) of `table`, which has the layout that
    /// was fitted: [flows, packets, features], row-major; packets that are not there are 0.
    /// `context` is that of the whole table.
    /// Cost: one pass, 1 ns a value where flows have all their packets, less where they have not.
    /// Source: LUCID (Doriguzzi-Corin et al., IEEE TNSM 2020).
    void convert(const Table& table, std::span<const FlowContext> context, std::size_t first,
                 std::span<float> out) const;
    /// The same in float64, for data sets.
    void convert(const Table& table, std::span<const FlowContext> context, std::size_t first,
                 std::span<double> out, Scale scale) const;

private:
    struct Plan;
    explicit Input(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
    std::shared_ptr<const Plan> plan_;
};

}  // namespace weir::model

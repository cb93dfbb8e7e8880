// SPDX-License-Identifier: Apache-2.0
#include "model/input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "model/input_column.h"

namespace weir::model {

/// What of the layout is needed, and the columns.
struct Input::Plan {
    InputShape shape;
    std::uint32_t packets_offset = 0, packet_offset = 0, packet_bytes = 0;
    std::vector<Column> columns;
    std::optional<FlowContexts> contexts;  // none: no column asks for them
};

namespace {

constexpr std::size_t kLine = 64;   // bytes of a cache line
constexpr std::size_t kBlock = 16;  // flows whose rows and numbers stay in L1 together

std::string shape_text(const InputShape& shape) {
    return fmt::format("[{}, {}]", shape.packets, shape.features);
}

std::string probe_features(const FlowLayout& layout) {
    std::string names;
    for (const Feature& f : layout.features) names += (names.empty() ? "" : ", ") + f.name;
    return names;
}

/// Errors: Rejected, with the features that the probe lacks, all of them.
Result<> check_features(const FlowLayout& layout, const Profile& profile) {
    std::string lacking;
    for (const ProfileFeature& wanted : profile.features) {
        if (wanted.missing || context_number(wanted.name)) continue;
        if (std::ranges::find(layout.features, wanted.name, &Feature::name) !=
            layout.features.end())
            continue;
        lacking += (lacking.empty() ? "" : ", ") + wanted.name;
    }
    if (lacking.empty()) return {};
    return fail(Errc::Rejected,
                fmt::format("the profile {} needs features that the probe does not have: {}; the "
                            "probe has {}",
                            profile.name, lacking, probe_features(layout)),
                "a profile of the probe's own features: docs/models.md");
}

Result<> check_shape(const FlowLayout& layout, const Profile& profile, const InputShape& shape) {
    const InputShape made{.packets = layout.packets_per_flow, .features = profile.features.size()};
    if (made.packets == shape.packets && made.features == shape.features) return {};
    std::string hint;
    if (made.features == shape.features)
        hint = fmt::format("--set PROBE.packets_per_flow={}", shape.packets);
    return fail(
        Errc::Rejected,
        fmt::format("the model takes {} (packets, features); the probe's flows with the "
                    "profile {} are {}: {}",
                    shape_text(shape), profile.name, shape_text(made), feature_names(profile)),
        std::move(hint));
}

/// `column_of` says which function of a column makes such numbers, and `scale_of` by what they are
/// multiplied.
template <class Out, class ColumnOf, class ScaleOf>
void convert_flows(const auto& plan, const Table& table, std::span<const FlowContext> context,
                   std::size_t first, std::span<Out> out, const ColumnOf& column_of,
                   const ScaleOf& scale_of) {
    const std::size_t width = plan.columns.size();
    const std::size_t values = plan.shape.packets * width;
    const std::size_t flows = out.size() / values;
    const std::size_t row_bytes = plan.packet_offset + plan.shape.packets * plan.packet_bytes;
    std::array<Packets, kBlock> block;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (std::size_t done = 0; done < flows; done += kBlock) {
        const std::size_t n = std::min(kBlock, flows - done);
        Out* const to = out.data() + done * values;
        for (std::size_t i = 0; i < n; ++i) {
            const std::byte* row = table.value(first + done + i);
            std::uint32_t packets = 0;
            std::memcpy(&packets, row + plan.packets_offset, sizeof(packets));  // SAFETY: in it
            const auto most = static_cast<std::uint32_t>(plan.shape.packets);
            const std::uint32_t count = std::min(packets, most);
            block[i] = {.row = row,
                        .context = context.empty() ? nullptr : &context[first + done + i],
                        .first = row + plan.packet_offset,
                        .count = count,
                        .step = plan.packet_bytes};
            std::fill(to + i * values + count * width, to + (i + 1) * values, Out{0});
        }
        const std::size_t next = first + done + kBlock;
        const std::size_t ahead = next < table.rows ? std::min(kBlock, table.rows - next) : 0;
        for (std::size_t c = 0; c < width; ++c) {
            // Rows of a map are spread over small pages, where the processor does not look ahead
            // far. A line a column: all at once would be more than it can wait for.
            if (c * kLine < row_bytes)
                for (std::size_t i = 0; i < ahead; ++i)
                    __builtin_prefetch(table.value(next + i) + c * kLine);
            const Column& column = plan.columns[c];
            (column.*column_of)(
                column, std::span(block.data(), n),
                {.to = to + c, .width = width, .flow = values, .scale = column.*scale_of});
        }
    }
}

}  // namespace

Result<InputShape> input_shape(std::span<const std::int64_t> dimensions) {
    const bool has_channel = dimensions.size() == 3 && dimensions[2] == 1;
    const bool is_known = std::ranges::all_of(dimensions, [](std::int64_t n) { return n > 0; });
    if ((dimensions.size() == 2 || has_channel) && is_known)
        return InputShape{.packets = static_cast<std::size_t>(dimensions[0]),
                          .features = static_cast<std::size_t>(dimensions[1])};
    return fail(Errc::Rejected,
                fmt::format("the model takes [{}]; a flow is [packets, features] or [packets, "
                            "features, 1]",
                            fmt::join(dimensions, ", ")));
}

Result<Input> Input::fit(const FlowLayout& layout, const Profile& profile, const InputShape& shape,
                         std::chrono::nanoseconds window) {
    if (auto r = check_shape(layout, profile, shape); !r) return pass_on(r);
    if (auto r = check_features(layout, profile); !r) return pass_on(r);
    auto plan = std::make_shared<Plan>(Plan{.shape = shape,
                                            .packets_offset = layout.packets_offset,
                                            .packet_offset = layout.packet_offset,
                                            .packet_bytes = layout.packet_bytes,
                                            .columns = {},
                                            .contexts = {}});
    for (const ProfileFeature& feature : profile.features) {
        auto column = make_column(layout, feature, std::chrono::duration<double>(window).count());
        if (!column) return wrap(column, fmt::format("profile {}: {}", profile.name, feature.name));
        plan->columns.push_back(std::move(*column));
    }
    if (std::ranges::any_of(plan->columns, &Column::needs_context)) {
        auto contexts = FlowContexts::fit(layout, *layout.row_type, window);
        if (!contexts) return wrap(contexts, fmt::format("profile {}", profile.name));
        plan->contexts.emplace(*contexts);
    }
    return Input(std::move(plan));
}

const InputShape& Input::shape() const { return plan_->shape; }

std::size_t Input::values() const { return plan_->shape.packets * plan_->shape.features; }

std::vector<FlowContext> Input::context(const Table& table) const {
    const auto& contexts = plan_->contexts;
    return contexts ? contexts->of(table) : std::vector<FlowContext>();
}

void Input::convert(const Table& table, std::span<const FlowContext> context, std::size_t first,
                    std::span<float> out) const {
    assert(out.size() % values() == 0 && first + out.size() / values() <= table.rows);
    assert(context.size() == (plan_->contexts ? table.rows : 0));
    convert_flows(*plan_, table, context, first, out, &Column::to_float, &Column::scale);
}

void Input::convert(const Table& table, std::span<const FlowContext> context, std::size_t first,
                    std::span<double> out, Scale scale) const {
    assert(out.size() % values() == 0 && first + out.size() / values() <= table.rows);
    assert(context.size() == (plan_->contexts ? table.rows : 0));
    convert_flows(*plan_, table, context, first, out, &Column::to_double,
                  scale == Scale::Divided ? &Column::scale : &Column::raw_scale);
}

}  // namespace weir::model

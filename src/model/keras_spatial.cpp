// SPDX-License-Identifier: Apache-2.0
#include "model/keras_spatial.h"

#include <fmt/format.h>

namespace weir::model::keras {
namespace {

struct Pad {
    std::int64_t before = 0, after = 0;
};

struct Axis {
    std::int64_t size, window, stride;  ///< `window`: with its dilation
};

Pad pad_of(const Axis& axis, std::string_view padding) {
    if (padding == "causal") return {.before = axis.window - 1};
    if (padding != "same") return {};
    const std::int64_t count = (axis.size + axis.stride - 1) / axis.stride;
    const std::int64_t all =
        std::max<std::int64_t>((count - 1) * axis.stride + axis.window - axis.size, 0);
    return {.before = all / 2, .after = all - all / 2};
}

}  // namespace

Result<Spatial> spatial_input(LayerCall& call, std::size_t dimensions) {
    const std::string format = call.config.text("data_format", "channels_last");
    if (format != "channels_last" && format != "channels_first") call.config.refuse("data_format");
    const Value& input = call.input();
    if (input.shape.size() != dimensions + 1)
        return fail(Errc::Invalid, fmt::format("its input is {}, it needs {} axes of space and one "
                                               "of channels",
                                               shape_words(input.shape), dimensions));
    Spatial spatial{.has_channels_last = format == "channels_last", .space = input.shape};
    if (spatial.has_channels_last) {
        spatial.value = call.graph.in_order(input, Order::ChannelsFirst);
        spatial.channels = input.shape.back();
        spatial.space.pop_back();
    } else {
        spatial.value = call.graph.in_order(input, Order::Keras);
        spatial.channels = input.shape.front();
        spatial.space.erase(spatial.space.begin());
    }
    return spatial;
}

Value spatial_output(const Spatial& from, std::string name, std::int64_t channels, Shape space) {
    Value value{.name = std::move(name), .shape = std::move(space)};
    if (from.has_channels_last) {
        value.shape.push_back(channels);
        value.order = Order::ChannelsFirst;
    } else {
        value.shape.insert(value.shape.begin(), channels);
    }
    return value;
}

Result<> place_windows(Windows& windows, const Shape& space, std::string_view padding) {
    if (padding != "valid" && padding != "same" && padding != "causal")
        return fail(Errc::Invalid, fmt::format("there is no padding {}", padding));
    const std::size_t axes = space.size();
    windows.pads.assign(2 * axes, 0);
    windows.count.clear();
    for (std::size_t i = 0; i < axes; ++i) {
        const Axis axis{.size = space[i],
                        .window = (windows.size[i] - 1) * windows.dilation[i] + 1,
                        .stride = windows.stride[i]};
        const Pad pad = pad_of(axis, padding);
        const std::int64_t room = axis.size + pad.before + pad.after - axis.window;
        if (room < 0)
            return fail(Errc::Invalid,
                        fmt::format("a window of {} does not lie on {}", axis.window, axis.size));
        windows.pads[i] = pad.before;
        windows.pads[axes + i] = pad.after;
        windows.count.push_back(room / axis.stride + 1);
    }
    return {};
}

}  // namespace weir::model::keras

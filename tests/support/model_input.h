// SPDX-License-Identifier: Apache-2.0
#pragma once
// Profiles and conversions as tests want them: what must not fail fails the test.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "model/input.h"
#include "support/ddos_rows.h"

namespace weir::test {

using namespace std::chrono_literals;

inline model::Profile profile_of(const std::string& text) {
    auto profile = model::find_profile(text);
    EXPECT_TRUE(profile.has_value()) << text;
    return std::move(*profile);
}

inline model::Profile own_profile(std::vector<model::ProfileFeature> features) {
    return {.name = "own", .features = std::move(features)};
}

template <class Row>
std::vector<double> converted(const Rows<Row>& rows, const model::Profile& profile,
                              std::chrono::nanoseconds window = 10s,
                              model::Scale scale = model::Scale::Divided) {
    const model::InputShape shape{.packets = rows.layout().packets_per_flow,
                                  .features = profile.features.size()};
    const auto input = model::Input::fit(rows.layout(), profile, shape, window);
    EXPECT_TRUE(input.has_value()) << (input ? "" : input.error().message);
    if (!input) return {};
    std::vector<double> out(rows.rows().size() * input->values(), std::nan(""));
    const auto context = input->context(rows.table());
    input->convert(rows.table(), context, 0, out, scale);
    std::vector<float> floats(out.size(), std::nanf(""));
    if (scale == model::Scale::Raw) return out;
    input->convert(rows.table(), context, 0, floats);
    for (std::size_t i = 0; i < out.size(); ++i)
        EXPECT_EQ(floats[i], static_cast<float>(out[i])) << "float32 " << i;
    return out;
}

}  // namespace weir::test

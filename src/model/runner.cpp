// SPDX-License-Identifier: Apache-2.0
#include "model/runner.h"

#include <functional>
#include <numeric>

namespace weir::model {
namespace {

std::size_t product(const std::vector<std::int64_t>& dimensions) {
    return static_cast<std::size_t>(std::accumulate(dimensions.begin(), dimensions.end(),
                                                    std::int64_t{1}, std::multiplies<>()));
}

}  // namespace

std::size_t Signature::input_values() const { return product(input); }
std::size_t Signature::output_values() const { return product(output); }

}  // namespace weir::model

// SPDX-License-Identifier: Apache-2.0
#include "support/fixture_probe.h"

#include "probe/image.h"
#include "support/live_traffic.h"

namespace weir::test {

Result<> append_fixture(Chain& chain, const std::string& fixture, const std::string& name) {
    ProbeSpec spec;
    spec.file = {.name = name, .path = fixture_path(fixture), .is_object = true};
    auto image = ProbeImage::build(spec, {});
    if (!image) return pass_on(image);
    auto binding = chain.next_binding();
    if (!binding) return pass_on(binding);
    auto pair = ClonePair::load(*image, *binding);
    if (!pair) return pass_on(pair);
    return chain.append(std::move(*pair));
}

}  // namespace weir::test

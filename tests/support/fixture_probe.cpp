// SPDX-License-Identifier: Apache-2.0
#include "support/fixture_probe.h"

#include "probe/image.h"
#include "support/live_traffic.h"
#include "util/clock.h"

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

bool wait_for_a_packet(const Chain& chain) {
    const std::uint32_t counter = chain.pair(0).clone(chain.active(0)).counter();
    const auto entered = [&] {
        const auto counts = chain.counts();
        return counts ? counts->of.at(counter).entered : 0;
    };
    const std::uint64_t before = entered();
    const Nanoseconds deadline = monotonic_ns() + 5'000'000'000;
    while (entered() == before)
        if (monotonic_ns() > deadline) return false;
    return true;
}

}  // namespace weir::test

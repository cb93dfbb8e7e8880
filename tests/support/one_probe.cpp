// SPDX-License-Identifier: Apache-2.0
#include "support/one_probe.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "support/live_traffic.h"
#include "util/errno.h"
#include "util/paths.h"

namespace weir::test {

ProbeFile fixture_file(const std::string& name) {
    return {.name = name, .path = fixture_path(name), .is_object = true};
}

Result<Chain> OneProbe::load(const ProbeSpec& spec, bool is_replay) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto image = ProbeImage::build(spec, *share);
    if (!image) return pass_on(image);
    auto chain = Chain::create();
    if (!chain) return pass_on(chain);
    auto binding = chain->next_binding();
    if (!binding) return pass_on(binding);
    binding->is_replay = is_replay;
    auto pair = ClonePair::load(*image, *binding);
    if (!pair) return pass_on(pair);
    if (auto r = chain->append(std::move(*pair)); !r) return pass_on(r);
    return chain;
}

OneProbe::OneProbe(const ProbeSpec& spec, bool is_replay) {
    auto chain = load(spec, is_replay);
    EXPECT_TRUE(chain.has_value()) << chain.error().message << chain.error().log;
    if (chain) chain_.emplace(std::move(*chain));
}

std::uint32_t OneProbe::run(const std::string& frame, int repeat) const {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()), .repeat = repeat);
    const int rc = bpf_prog_test_run_opts(chain_->pivot().fd, &options);
    EXPECT_EQ(rc, 0) << errno_name(-rc);
    return options.retval;
}

weir_counts OneProbe::counted(unsigned clone) const {
    const auto counts = chain_->counts();
    EXPECT_TRUE(counts.has_value()) << counts.error().message;
    return counts->of.at(pair().clone(clone).counter());
}

}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
#include "engine/setup.h"

#include "engine/spec.h"
#include "probe/image.h"
#include "util/privileges.h"

namespace weir {
namespace {

constexpr std::uint64_t kReplaySeed = 0x9e3779b97f4a7c15;  // fixed: equal runs, equal bytes

SlotBinding binding_for(const Chain& chain, const FrameSource& frames) {
    SlotBinding binding = chain.next_binding();
    binding.is_raw_ip = frames.is_raw_ip;
    if (frames.clock == ClockSource::Kernel) return binding;
    binding.flow_seed = kReplaySeed;
    binding.epoch_base_ns = 0;  // the capture's clock is Unix time already
    binding.is_replay = true;
    const auto held = effective_capabilities();
    binding.has_fixed_order = held && held->has(Capability::SysAdmin);
    return binding;
}

}  // namespace

Result<LoadedChain> load_chain(ProbeFile file, const ProbeOptions& options,
                               const ExtractorOptions& extractor,
                               const std::filesystem::path& share, const FrameSource& frames) {
    const std::string probe = "probe " + file.name;
    auto spec = make_spec(options, std::move(file));
    if (!spec) return pass_on(spec);
    auto image = ProbeImage::build(*spec, share);
    if (!image) return pass_on(image);
    auto chain = Chain::create();
    if (!chain) return pass_on(chain);
    auto pair = ClonePair::load(*image, binding_for(*chain, frames));
    if (!pair) return wrap(pair, probe);
    if (auto r = chain->append(std::move(*pair)); !r) return wrap(r, probe);
    auto session = ProbeSession::create(chain->pair(0));
    if (!session) return wrap(session, probe);
    if (!extractor.file.empty() || extractor.make) {
        ExtractorContext context = frames.context;
        context.probe = chain->pair(0).name();
        context.model = extractor.model;
        context.is_replay = frames.clock == ClockSource::Capture;
        if (auto r = (*session)->start_extractor(extractor, context, share); !r) return pass_on(r);
    }
    LoadedChain loaded{.chain = std::move(*chain),
                       .session = std::move(*session),
                       .notices = std::move(image->notices),
                       .is_foreign = !image->is_wrapped};
    for (const std::string& notice : loaded.chain.pair(0).clone(0).notices())
        loaded.notices.push_back(notice);
    return loaded;
}

}  // namespace weir

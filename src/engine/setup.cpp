// SPDX-License-Identifier: Apache-2.0
#include "engine/setup.h"

#include <algorithm>

#include "engine/spec.h"
#include "probe/flow_tensor.h"
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

/// Null where no model was asked for.
Result<std::unique_ptr<model::Detector>> open_detector(const ModelOptions& options,
                                                       std::chrono::nanoseconds window) {
    if (options.file.empty()) return nullptr;
    auto detector = model::Detector::open(options, window);
    if (!detector) detector.error().message.insert(0, "model ");  // the file's name comes next
    return detector;
}

/// The flow tensor records as many packets as the model looks at, unless the user said otherwise.
Result<> make_room_for(const model::InputShape& shape, ProbeImage& image) {
    constexpr const char* kPackets = "packets_per_flow";
    auto object = image.open();
    if (!object) return pass_on(object);
    const auto is_set = [&](const Setting& s) { return s.target == kPackets; };
    if (!has_flow_tensor(*object) || std::ranges::any_of(image.settings, is_set)) return {};
    image.settings.push_back({.target = kPackets, .value = std::to_string(shape.packets)});
    return {};
}

}  // namespace

Result<LoadedChain> load_chain(ProbeFile file, const ChainParts& parts,
                               const std::filesystem::path& share, const FrameSource& frames) {
    const std::string probe = "probe " + file.name;
    auto detector = open_detector(parts.model, frames.context.window);
    if (!detector) return pass_on(detector);
    auto spec = make_spec(parts.probe, std::move(file));
    if (!spec) return pass_on(spec);
    auto image = ProbeImage::build(*spec, share);
    if (!image) return pass_on(image);
    if (*detector)
        if (auto r = make_room_for((*detector)->shape(), *image); !r) return wrap(r, probe);
    auto chain = Chain::create(image->hook);
    if (!chain) return pass_on(chain);
    auto pair = ClonePair::load(*image, binding_for(*chain, frames));
    if (!pair) return wrap(pair, probe);
    if (auto r = chain->append(std::move(*pair)); !r) return wrap(r, probe);
    auto session = ProbeSession::create(chain->pair(0));
    if (!session) return wrap(session, probe);
    if (!parts.extractor.file.empty() || parts.extractor.make) {
        ExtractorContext context = frames.context;
        context.probe = chain->pair(0).name();
        context.model = parts.extractor.model;
        context.is_replay = frames.clock == ClockSource::Capture;
        if (auto r = (*session)->start_extractor(parts.extractor, context, share); !r)
            return pass_on(r);
    }
    const std::string assumed = *detector ? (*detector)->notice() : "";
    if (*detector)
        if (auto r = (*session)->start_detector(std::move(*detector)); !r)
            return wrap(r, "model " + parts.model.file);
    LoadedChain loaded{.chain = std::move(*chain),
                       .session = std::move(*session),
                       .notices = std::move(image->notices),
                       .is_foreign = !image->is_wrapped};
    if (!assumed.empty()) loaded.notices.push_back(assumed);
    for (const std::string& notice : loaded.chain.pair(0).clone(0).notices())
        loaded.notices.push_back(notice);
    return loaded;
}

}  // namespace weir

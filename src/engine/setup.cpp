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

Result<SlotBinding> binding_for(const LoadTarget& target) {
    const FrameSource& frames = target.frames;
    auto next = target.chain.binding(target.slot);
    if (!next) return next;
    SlotBinding& binding = *next;
    binding.is_raw_ip = frames.is_raw_ip;
    if (frames.clock == ClockSource::Kernel) return next;
    binding.flow_seed = kReplaySeed;
    binding.epoch_base_ns = 0;  // the capture's clock is Unix time already
    binding.is_replay = true;
    const auto held = effective_capabilities();
    binding.has_fixed_order = held && held->has(Capability::SysAdmin);
    return next;
}

std::string goes_without(const Error& error) {
    return "the probe's own model is not used: " + error.message;
}

/// Null where no model was asked for, or one that may be missing cannot run.
Result<std::unique_ptr<model::Detector>> open_detector(const ModelOptions& options,
                                                       std::chrono::nanoseconds window,
                                                       std::vector<std::string>& notices) {
    if (options.file.empty()) return nullptr;
    auto detector = model::Detector::open(options, window);
    if (detector) return detector;
    detector.error().message.insert(0, "model ");  // the file's name comes next
    if (!options.is_optional) return detector;
    notices.push_back(goes_without(detector.error()));
    return nullptr;
}

Result<> start_detector(std::unique_ptr<model::Detector> detector, const ModelOptions& options,
                        LoadedProbe& loaded) {
    const std::string notice = detector->notice();
    if (auto r = loaded.session->start_detector(std::move(detector)); !r) {
        if (!options.is_optional) return wrap(r, "model " + options.file);
        loaded.notices.push_back(goes_without(r.error()));
        return {};
    }
    // Of the probe's own model nothing was assumed: its profile is shipped with it.
    if (!notice.empty() && !options.is_optional) loaded.notices.push_back(notice);
    return {};
}

}  // namespace

Result<> make_room_for(const model::InputShape& shape, ProbeImage& image) {
    constexpr const char* kPackets = "packets_per_flow";
    auto object = image.open();
    if (!object) return pass_on(object);
    const auto is_set = [&](const Setting& s) { return s.target == kPackets; };
    if (!has_flow_tensor(*object) || std::ranges::any_of(image.settings, is_set)) return {};
    image.settings.push_back({.target = kPackets, .value = std::to_string(shape.packets)});
    return {};
}

Result<ProbeImage> build_probe(const ProbeOptions& options, ProbeFile file,
                               std::optional<Hook> hook, const std::filesystem::path& share) {
    auto spec = make_spec(options, std::move(file));
    if (!spec) return pass_on(spec);
    spec->hook = hook;
    return ProbeImage::build(*spec, share);
}

Result<LoadedProbe> load_probe(ProbeImage image, const ProbeParts& parts, const LoadTarget& target,
                               const std::filesystem::path& share) {
    const std::string probe = "probe " + image.name;
    auto detector = open_detector(parts.model, target.frames.context.window, image.notices);
    if (!detector) return pass_on(detector);
    if (*detector)
        if (auto r = make_room_for((*detector)->shape(), image); !r) return wrap(r, probe);
    auto binding = binding_for(target);
    if (!binding) return wrap(binding, probe);
    auto pair = ClonePair::load(image, *binding, target.predecessor);
    if (!pair) return wrap(pair, probe);
    LoadedProbe loaded{.pair = std::make_shared<ClonePair>(std::move(*pair)),
                       .session = nullptr,
                       .notices = std::move(image.notices)};
    auto session = ProbeSession::create(*loaded.pair);
    if (!session) return wrap(session, probe);
    loaded.session = std::move(*session);
    if (!parts.extractor.file.empty() || parts.extractor.make) {
        ExtractorContext context = target.frames.context;
        context.probe = loaded.pair->name();
        context.model = parts.extractor.model;
        context.is_replay = target.frames.clock == ClockSource::Capture;
        if (auto r = loaded.session->start_extractor(parts.extractor, context, share); !r)
            return pass_on(r);
    }
    if (*detector)
        if (auto r = start_detector(std::move(*detector), parts.model, loaded); !r)
            return pass_on(r);
    for (const std::string& notice : loaded.pair->clone(0).notices())
        loaded.notices.push_back(notice);
    return loaded;
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a probe's options to a clone pair and its session: what inject, run and replay share.
//
//     auto image = build_probe(options, file, hook, share);
//     auto loaded = load_probe(*image, {.chain = chain, .slot = 0, ...});
//
// Thread rule: any thread, one probe at a time.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain.h"
#include "engine/session.h"
#include "model/input.h"
#include "probe/image.h"
#include "probe/locate.h"
#include "weir/engine.h"
#include "weir/result.h"

namespace weir {

enum class ClockSource { Kernel, Capture };

/// Where the packets come from.
struct FrameSource {
    ClockSource clock = ClockSource::Kernel;
    bool is_raw_ip = false;         // frames begin with IP, not with Ethernet
    ExtractorContext context = {};  // interface and window; the rest is filled in
};

/// What the user asked for.
struct ProbeParts {
    const ProbeOptions& probe;
    const ExtractorOptions& extractor;
    const ModelOptions& model;
};

struct LoadedProbe {
    PairPtr pair;
    std::unique_ptr<ProbeSession> session;  // dies before the pair
    std::vector<std::string> notices;
};

/// Where a probe is to stand.
struct LoadTarget {
    const Chain& chain;
    std::uint32_t slot = 0;
    const FrameSource& frames;
    Predecessor predecessor = {};
};

/// Compiles the probe, or reads its object. `hook` none: what the program is for. Errors: those of
/// ProbeImage::build().
[[nodiscard]] Result<ProbeImage> build_probe(const ProbeOptions& options, ProbeFile file,
                                             std::optional<Hook> hook,
                                             const std::filesystem::path& share);

/// The flow tensor records as many packets as the model looks at, unless the user said otherwise.
/// Errors: those of opening the object.
[[nodiscard]] Result<> make_room_for(const model::InputShape& shape, ProbeImage& image);

/// Loads the model, the probe for its slot, and the extractor; the chain is as it was. Errors:
/// those of Engine::inject() but for the interface's. On error nothing stays in the kernel.
[[nodiscard]] Result<LoadedProbe> load_probe(ProbeImage image, const ProbeParts& parts,
                                             const LoadTarget& target,
                                             const std::filesystem::path& share);

}  // namespace weir

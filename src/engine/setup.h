// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a probe's options to a chain of one slot that is loaded and not yet attached: what inject
// and replay begin with.
#include <filesystem>
#include <memory>
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
struct ChainParts {
    const ProbeOptions& probe;
    const ExtractorOptions& extractor;
    const ModelOptions& model;
};

struct LoadedChain {
    Chain chain;
    std::unique_ptr<ProbeSession> session;  // of slot 0; dies before the chain
    std::vector<std::string> notices;
    bool is_foreign = false;  // an object that was not built with our headers
};

/// The flow tensor records as many packets as the model looks at, unless the user said otherwise.
/// Errors: those of opening the object.
[[nodiscard]] Result<> make_room_for(const model::InputShape& shape, ProbeImage& image);

/// Loads the model; compiles, loads and appends the probe; loads the extractor. Errors: those of
/// Engine::inject() but for the interface's. On error nothing stays in the kernel.
[[nodiscard]] Result<LoadedChain> load_chain(ProbeFile file, const ChainParts& parts,
                                             const std::filesystem::path& share,
                                             const FrameSource& frames);

}  // namespace weir

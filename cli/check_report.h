// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `weir check` found, and how it is shown. Plain values, pure functions.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/type.h"
#include "weir/hook.h"

namespace weir::cli {

struct ProgramLine {
    std::string name, role;
    std::uint32_t instructions = 0, verified_instructions = 0, native_bytes = 0;
};

struct MapLine {
    std::string name, kind, map_class, reason, key, value;
    std::uint32_t capacity = 0;
    std::uint64_t memory_bytes = 0;  // one copy; of a flow tensor, its heads too
    std::uint64_t drain_bytes = 0;   // that its drain holds, of one copy; 0: it has none
    std::string read;                // mmap, batch, lookup, none
    bool is_exported = true;
    bool is_frozen = true;  // false: holds timers, which write at any time
};

struct ParameterLine {
    std::string name, type, value;
};

/// A packet's number in a flow tensor.
struct FeatureLine {
    std::string map, name, type, unit, encoding;
};

struct CheckReport {
    std::string probe, source, kind;
    Hook hook = Hook::Xdp;    // on xdp, or on tc in either direction
    bool is_foreign = false;  // an object that was not built with weir's headers
    double build_ms = 0, load_ms = 0;
    std::vector<std::string> notices;
    std::vector<ProgramLine> programs;
    std::vector<MapLine> maps;
    std::vector<FeatureLine> features;
    std::vector<ParameterLine> parameters;
    std::uint64_t memory_bytes = 0;  // all maps of both clones, and their drains
};

/// "struct flow_key (40 bytes)", "__u64".
[[nodiscard]] std::string type_text(const bpf::Type& type);
[[nodiscard]] std::string value_text(const bpf::Type& type, const std::byte* bytes);

[[nodiscard]] std::string check_text(const CheckReport& report);
/// One JSON object and a newline.
[[nodiscard]] std::string check_json(const CheckReport& report);

}  // namespace weir::cli

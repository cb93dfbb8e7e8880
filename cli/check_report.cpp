// SPDX-License-Identifier: Apache-2.0
#include "cli/check_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/columns.h"
#include "table/render.h"
#include "util/memory.h"

namespace weir::cli {
namespace {

/// "16 kB, drain 8 kB"
std::string memory_text(const MapLine& m) {
    std::string text = bytes_text(m.memory_bytes);
    if (m.drain_bytes > 0) text += ", drain " + bytes_text(m.drain_bytes);
    return text;
}

}  // namespace

std::string type_text(const bpf::Type& type) {
    using Kind = bpf::Type::Kind;
    switch (type.kind) {
        case Kind::Struct: return fmt::format("struct {} ({} bytes)", type.name, type.size_bytes);
        case Kind::Union: return fmt::format("union {} ({} bytes)", type.name, type.size_bytes);
        case Kind::Array:
            return fmt::format("{}[{}]", type.element ? type_text(*type.element) : "?", type.count);
        case Kind::Opaque: return fmt::format("{} bytes", type.size_bytes);
        default: return type.name;
    }
}

std::string value_text(const bpf::Type& type, const std::byte* bytes) {
    std::string out;
    table::append_text(out, type, bytes);
    return out;
}

std::string check_text(const CheckReport& r) {
    std::string out = fmt::format(
        "probe {}: {} ({})\n  for {}; ready in {:.0f} ms, loaded and verified in {:.0f} ms\n",
        r.probe, r.source, r.kind, hook_name(r.hook), r.build_ms, r.load_ms);
    for (const std::string& notice : r.notices) out += fmt::format("  note: {}\n", notice);
    std::vector<Row> programs = {{"program", "role", "instructions", "verified", "machine code"}};
    for (const ProgramLine& p : r.programs) {
        programs.push_back({p.name, p.role, std::to_string(p.instructions),
                            std::to_string(p.verified_instructions), bytes_text(p.native_bytes)});
    }
    out += "\n" + aligned(programs);
    if (!r.maps.empty()) {
        std::vector<Row> maps = {
            {"map", "kind", "class", "because", "read", "key", "value", "entries", "memory"}};
        for (const MapLine& m : r.maps) {
            maps.push_back({m.name, m.kind, m.map_class + (m.is_frozen ? "" : ", not frozen"),
                            m.reason, m.is_exported ? m.read : m.read + ", hidden", m.key, m.value,
                            std::to_string(m.capacity), memory_text(m)});
        }
        out += "\n" + aligned(maps);
    }
    if (!r.features.empty()) {
        std::vector<Row> features = {{"feature", "type", "unit", "encoding"}};
        for (const FeatureLine& f : r.features)
            features.push_back({f.map + "." + f.name, f.type, f.unit, f.encoding});
        out += "\n" + aligned(features);
    }
    if (!r.parameters.empty()) {
        std::vector<Row> parameters = {{"parameter", "type", "value", "change with"}};
        for (const ParameterLine& p : r.parameters)
            parameters.push_back(
                {p.name, p.type, p.value, fmt::format("--set {}.{}=VALUE", r.probe, p.name)});
        out += "\n" + aligned(parameters);
    }
    out += fmt::format("\n  memory of all maps and their drains, both clones: {}\n",
                       bytes_text(r.memory_bytes));
    return out;
}

std::string check_json(const CheckReport& r) {
    using Json = nlohmann::ordered_json;
    Json json = {{"v", 1},
                 {"probe", r.probe},
                 {"source", r.source},
                 {"kind", r.kind},
                 {"hook", hook_name(r.hook)},
                 {"build_ms", r.build_ms},
                 {"load_ms", r.load_ms},
                 {"notices", r.notices},
                 {"memory_bytes", r.memory_bytes}};
    json["programs"] = Json::array();
    for (const ProgramLine& p : r.programs) {
        json["programs"].push_back({{"name", p.name},
                                    {"role", p.role},
                                    {"instructions", p.instructions},
                                    {"verified_instructions", p.verified_instructions},
                                    {"native_bytes", p.native_bytes}});
    }
    json["maps"] = Json::object();
    for (const MapLine& m : r.maps) {
        json["maps"][m.name] = {{"kind", m.kind},
                                {"class", m.map_class},
                                {"reason", m.reason},
                                {"read", m.read},
                                {"key", m.key},
                                {"value", m.value},
                                {"capacity", m.capacity},
                                {"memory_bytes", m.memory_bytes},
                                {"drain_bytes", m.drain_bytes},
                                {"exported", m.is_exported},
                                {"frozen", m.is_frozen}};
    }
    json["features"] = Json::array();
    for (const FeatureLine& f : r.features)
        json["features"].push_back({{"map", f.map},
                                    {"name", f.name},
                                    {"type", f.type},
                                    {"unit", f.unit},
                                    {"encoding", f.encoding}});
    json["parameters"] = Json::object();
    for (const ParameterLine& p : r.parameters)
        json["parameters"][p.name] = {{"type", p.type}, {"value", p.value}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/probe_check.h"

#include "bpf/inspect.h"
#include "chain/chain.h"
#include "engine/session.h"
#include "engine/setup.h"
#include "engine/spec.h"
#include "probe/image.h"
#include "probe/settings.h"
#include "probe/special_fields.h"
#include "table/flow_tensor.h"
#include "table/table.h"
#include "util/clock.h"
#include "util/paths.h"
#include "util/privileges.h"

namespace weir::cli {
namespace {

const char* source_kind(const ProbeImage& image) {
    if (image.dialect) return compile::dialect_name(*image.dialect);
    return image.is_wrapped ? "object built with weir's headers" : "foreign object";
}

Result<MapLine> describe_map(const CloneMap& m) {
    auto reader = table::Reader::create(m.map, m.policy, m.image, m.flow_heads);
    if (!reader) return wrap(reader, "map " + m.map.name());
    const bpf::MapShape& shape = m.map.shape();
    std::uint64_t memory = bpf::map_memory_bytes(m.map).value_or(0);
    if (m.flow_heads != nullptr) memory += bpf::map_memory_bytes(*m.flow_heads).value_or(0);
    return MapLine{.name = shape.name,
                   .kind = shape.is_globals ? "globals" : bpf::kind_name(shape.kind),
                   .map_class = map_class_name(m.policy.map_class),
                   .reason = m.policy.reason,
                   .key = shape.key_bytes == 0 || shape.is_globals ? "" : type_text(*shape.key),
                   .value = type_text(*shape.value),
                   .capacity = shape.max_entries,
                   .memory_bytes = memory,
                   .drain_bytes = reader->drain_bytes(),
                   .read = table::read_way_name(reader->way()),
                   .is_exported = m.policy.is_exported,
                   .is_frozen = !special_fields(*shape.value).has_timer};
}

Result<ProgramLine> describe_program(const bpf::Program& program, const ProbeImage& image) {
    auto facts = bpf::program_facts(program);
    if (!facts) return wrap(facts, program.function);
    const bool is_entry = program.function == image.entry;
    return ProgramLine{.name = is_entry ? image.function : program.function,
                       .role = !is_entry ? "tail call target"
                               : image.is_wrapped && image.tail_calls_away
                                   ? "entry, wrapped, tail-calls away: last in a chain"
                               : image.is_wrapped ? "entry, wrapped"
                                                  : "entry, behind a stub: last in a chain",
                       .instructions = facts->instructions,
                       .verified_instructions = facts->verified_instructions,
                       .native_bytes = facts->native_bytes};
}

/// The features of a flow tensor and what --set changes in it; nothing for other maps.
void describe_tensor(const bpf::MapShape& shape, CheckReport& report) {
    const auto layout = table::flow_layout(shape);
    if (!layout) return;
    for (const table::Feature& f : layout->features)
        report.features.push_back({.map = shape.name,
                                   .name = f.name,
                                   .type = type_text(*f.place.type),
                                   .unit = f.unit,
                                   .encoding = f.encoding});
    const auto add = [&](const char* name, std::uint32_t value) {
        report.parameters.push_back(
            {.name = name, .type = "__u32", .value = std::to_string(value)});
    };
    add("max_flows", shape.max_flows);
    add("packets_per_flow", layout->packets_per_flow);
}

/// What --set and `parameters` change. Errors: those of opening the object.
Result<> describe_parameters(const ProbeImage& image, CheckReport& report) {
    auto object = image.open();
    if (!object) return pass_on(object);
    for (const bpf::MapSpec& map : object->maps()) describe_tensor(map.shape, report);
    for (const std::string& name : object->constants()) {
        const auto constant = object->constant(name);
        if (name.starts_with("weir_") || !constant) continue;
        report.parameters.push_back({.name = name,
                                     .type = type_text(*constant->type),
                                     .value = value_text(*constant->type, constant->bytes.data())});
    }
    for (const Parameter& own : own_parameters(*object))
        report.parameters.push_back(
            {.name = own.name,
             .type = type_text(*own.constant.type),
             .value = value_text(*own.constant.type, own.constant.bytes.data())});
    return {};
}

/// Programs and maps of a pair that is loaded.
Result<> describe_pair(const ClonePair& pair, const ProbeImage& image, CheckReport& report) {
    for (const std::string& notice : pair.clone(0).notices()) report.notices.push_back(notice);
    for (const bpf::Program& program : pair.clone(0).programs()) {
        auto line = describe_program(program, image);
        if (!line) return pass_on(line);
        report.programs.push_back(std::move(*line));
    }
    for (const CloneMap& m : pair.clone(0).maps()) {
        auto line = describe_map(m);
        if (!line) return pass_on(line);
        const std::uint64_t copies = m.policy.map_class == MapClass::Persistent ? 1 : 2;
        report.memory_bytes += copies * (line->memory_bytes + line->drain_bytes);
        report.maps.push_back(std::move(*line));
    }
    return {};
}

/// That the model takes what the probe records.
Result<> fit_model(const ClonePair& pair, std::unique_ptr<model::Detector> detector,
                   CheckReport& report) {
    if (!detector->notice().empty()) report.notices.push_back(detector->notice());
    auto session = ProbeSession::create(pair);
    if (!session) return pass_on(session);
    return (*session)->start_detector(std::move(detector));
}

/// Null where no model is wanted.
Result<std::unique_ptr<model::Detector>> open_model(const ProbeCheck& wanted) {
    if (wanted.model.file.empty()) return nullptr;
    auto detector = model::Detector::open(wanted.model, wanted.window);
    if (!detector) detector.error().message.insert(0, "model ");  // the file's name comes next
    return detector;
}

}  // namespace

Result<CheckReport> check_probe(const ProbeCheck& wanted) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto file = locate_probe(wanted.probe.file, *share);
    if (!file) return pass_on(file);
    if (auto r = require_inject_privileges(); !r) return pass_on(r);
    auto spec = make_spec(wanted.probe, std::move(*file));
    if (!spec) return pass_on(spec);
    spec->hook = wanted.hook;
    auto detector = open_model(wanted);
    if (!detector) return pass_on(detector);

    CheckReport report;
    const Nanoseconds begin = monotonic_ns();
    auto image = ProbeImage::build(*spec, *share);
    if (!image) return pass_on(image);
    const std::string probe = "probe " + image->name;
    if (*detector)
        if (auto r = make_room_for((*detector)->shape(), *image); !r) return wrap(r, probe);
    const Nanoseconds built = monotonic_ns();
    auto chain = Chain::create(image->hook);
    if (!chain) return pass_on(chain);
    auto binding = chain->next_binding();
    if (!binding) return pass_on(binding);
    auto pair = ClonePair::load(*image, *binding);
    if (!pair) return wrap(pair, probe);
    report.build_ms = static_cast<double>(built - begin) / 1e6;
    report.load_ms = static_cast<double>(monotonic_ns() - built) / 1e6;
    report.probe = image->name;
    report.source = object_for(spec->file.path, spec->hook).string();
    report.kind = source_kind(*image);
    report.hook = image->hook;
    report.is_foreign = !image->is_wrapped;
    report.notices = image->notices;
    if (auto r = describe_pair(*pair, *image, report); !r) return pass_on(r);
    if (*detector)
        if (auto r = fit_model(*pair, std::move(*detector), report); !r)
            return wrap(r, "model " + wanted.model.file);
    if (auto r = describe_parameters(*image, report); !r) return pass_on(r);
    return report;
}

}  // namespace weir::cli

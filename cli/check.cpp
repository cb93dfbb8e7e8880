// SPDX-License-Identifier: Apache-2.0
// weir check: compile, load, verify; print what there is; attach nothing.
#include "bpf/inspect.h"
#include "chain/chain.h"
#include "cli/check_report.h"
#include "cli/inject_options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "engine/spec.h"
#include "probe/image.h"
#include "probe/special_fields.h"
#include "table/flow_tensor.h"
#include "table/table.h"
#include "util/clock.h"
#include "util/paths.h"
#include "util/privileges.h"

namespace weir::cli {
namespace {

struct CheckArguments {
    ProbeArguments probe;
};

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

Result<CheckReport> check_probe(const CheckArguments& a) {
    auto share = share_dir();
    if (!share) return pass_on(share);
    auto file = locate_probe(a.probe.bpf, *share);
    if (!file) return pass_on(file);
    if (auto r = require_inject_privileges(); !r) return pass_on(r);
    auto options = to_probe_options(a.probe);
    if (!options) return pass_on(options);
    auto spec = make_spec(*options, std::move(*file));
    if (!spec) return pass_on(spec);
    spec->hook = to_hook(a.probe);

    CheckReport report;
    const Nanoseconds begin = monotonic_ns();
    auto image = ProbeImage::build(*spec, *share);
    if (!image) return pass_on(image);
    const Nanoseconds built = monotonic_ns();
    auto chain = Chain::create(image->hook);
    if (!chain) return pass_on(chain);
    auto pair = ClonePair::load(*image, chain->next_binding());
    if (!pair) return wrap(pair, "probe " + image->name);
    report.build_ms = static_cast<double>(built - begin) / 1e6;
    report.load_ms = static_cast<double>(monotonic_ns() - built) / 1e6;
    report.probe = image->name;
    report.source = object_for(spec->file.path, spec->hook).string();
    report.hook = hook_name(image->hook);
    report.kind = source_kind(*image);
    report.notices = image->notices;
    for (const std::string& notice : pair->clone(0).notices()) report.notices.push_back(notice);
    for (const bpf::Program& program : pair->clone(0).programs()) {
        auto line = describe_program(program, *image);
        if (!line) return pass_on(line);
        report.programs.push_back(std::move(*line));
    }
    for (const CloneMap& m : pair->clone(0).maps()) {
        auto line = describe_map(m);
        if (!line) return pass_on(line);
        const std::uint64_t copies = m.policy.map_class == MapClass::Persistent ? 1 : 2;
        report.memory_bytes += copies * (line->memory_bytes + line->drain_bytes);
        report.maps.push_back(std::move(*line));
    }
    auto object = image->open();
    if (!object) return pass_on(object);
    for (const bpf::MapSpec& map : object->maps()) describe_tensor(map.shape, report);
    for (const std::string& name : object->constants()) {
        const auto constant = object->constant(name);
        if (name.starts_with("weir_") || !constant) continue;
        report.parameters.push_back({.name = name,
                                     .type = type_text(*constant->type),
                                     .value = value_text(*constant->type, constant->bytes.data())});
    }
    return report;
}

}  // namespace

Run add_check(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("check", "Compile, load and verify a probe; attach nothing");
    auto a = std::make_shared<CheckArguments>();
    verb->add_option("probe", a->probe.bpf, "Shipped name, directory, .c or .o")
        ->required()
        ->type_name("PROBE");
    add_build_options(*verb, a->probe);
    verb->footer("Examples:\n  weir check flows\n  weir check --program xdp_pass_func prog.c");
    return [a] {
        auto report = check_probe(*a);
        if (!report) return print_error(report.error(), a->probe.is_verbose);
        auto output = Output::open("");
        if (!output) return print_error(output.error(), a->probe.is_verbose);
        const std::string text = a->probe.as_json() ? check_json(*report) : check_text(*report);
        auto written = output->write(text);
        return written ? 0 : print_error(written.error(), a->probe.is_verbose);
    };
}

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "bpf/object.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>

#include "bpf/capture.h"
#include "bpf/features.h"
#include "bpf/handles.h"
#include "bpf/load_error.h"
#include "util/errno.h"

namespace weir::bpf {

struct Object::State {
    std::string name;
    ObjectHandle object;
    std::vector<MapSpec> maps;
    std::vector<ProgramSpec> programs;
    ElfFacts facts;
};

namespace {

ProgramKind program_kind(const bpf_program* program) {
    switch (bpf_program__type(program)) {
        case BPF_PROG_TYPE_XDP: return ProgramKind::Xdp;
        case BPF_PROG_TYPE_SCHED_CLS: return ProgramKind::Tc;
        case BPF_PROG_TYPE_UNSPEC: return ProgramKind::Unknown;
        default: return ProgramKind::Other;
    }
}

/// The DATASEC of this name, or 0.
std::uint32_t find_section(const ::btf* btf, std::string_view name) {
    const std::int32_t id =
        btf__find_by_name_kind(btf, std::string(name).c_str(), BTF_KIND_DATASEC);
    return id > 0 ? static_cast<std::uint32_t>(id) : 0;
}

/// The declaration tags on a variable.
std::vector<std::string> variable_tags(const ::btf* btf, std::string_view variable) {
    std::vector<std::string> tags;
    for (std::uint32_t id = 1; id < btf__type_cnt(btf); ++id) {
        const btf_type* tag = btf__type_by_id(btf, id);
        if (!btf_is_decl_tag(tag) || btf_decl_tag(tag)->component_idx != -1) continue;
        const btf_type* target = btf__type_by_id(btf, tag->type);
        if (target != nullptr && btf_is_var(target) &&
            variable == btf__name_by_offset(btf, target->name_off))
            tags.emplace_back(btf__name_by_offset(btf, tag->name_off));
    }
    return tags;
}

/// The author's name. libbpf calls the standard sections of globals "OBJECT.bss".
std::string map_name(const bpf_map* map) {
    const std::string name = bpf_map__name(map);
    return bpf_map__is_internal(map) ? name.substr(name.find('.')) : name;
}

MapShape shape_of(const bpf_map* map, const ::btf* btf) {
    MapShape shape{
        .name = map_name(map),
        .kind = static_cast<MapKind>(bpf_map__type(map)),
        .key_bytes = bpf_map__key_size(map),
        .value_bytes = bpf_map__value_size(map),
        .max_entries = bpf_map__max_entries(map),
        .flags = bpf_map__map_flags(map),
        .is_globals = bpf_map__is_internal(map),
        .key = nullptr,
        .value = nullptr,
    };
    const std::uint32_t key_id = shape.is_globals ? 0 : bpf_map__btf_key_type_id(map);
    const std::uint32_t value_id =
        shape.is_globals ? find_section(btf, shape.name) : bpf_map__btf_value_type_id(map);
    shape.key = key_id != 0 ? make_type(btf, key_id) : opaque_type(shape.key_bytes);
    shape.value = value_id != 0 ? make_type(btf, value_id) : opaque_type(shape.value_bytes);
    return shape;
}

bool is_map_of_maps(const MapShape& shape) {
    return shape.kind == MapKind::ArrayOfMaps || shape.kind == MapKind::HashOfMaps;
}

/// What is missing from a map that the kernel did not create; empty: nothing that we know of.
std::string map_hint(const std::vector<MapSpec>& maps, const std::string& object,
                     const std::string& failed) {
    const auto spec =
        std::ranges::find(maps, failed, [](const MapSpec& m) { return m.shape.name; });
    if (failed.empty() || spec == maps.end()) return {};
    if (bpf_map__max_entries(spec->handle) == 0)
        return "its size is 0 in the source: --set " + object + "." + failed + ".max_entries=N";
    if (is_map_of_maps(spec->shape) && bpf_map__inner_map(spec->handle) == nullptr &&
        spec->inner_example.get() < 0)
        return "declare its inner map: __array(values, struct { ... })";
    return {};
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

std::vector<MapSpec> read_maps(bpf_object* object, const ElfFacts& facts) {
    const ::btf* btf = bpf_object__btf(object);
    std::vector<MapSpec> specs;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        MapSpec spec;
        spec.shape = shape_of(map, btf);
        spec.tags = variable_tags(btf, spec.shape.name);
        spec.is_inner = contains(facts.maps_in_maps, spec.shape.name);
        spec.is_pinned_by_name = bpf_map__pin_path(map) != nullptr;
        spec.handle = map;
        specs.push_back(std::move(spec));
    }
    return specs;
}

std::vector<ProgramSpec> read_programs(bpf_object* object) {
    std::vector<ProgramSpec> specs;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
        specs.push_back({.function = bpf_program__name(program),
                         .section = bpf_program__section_name(program),
                         .kind = program_kind(program),
                         .handle = program});
    }
    return specs;
}

}  // namespace

Result<> MapSpec::make_mmapable() {
    return check(bpf_map__set_map_flags(handle, shape.flags | BPF_F_MMAPABLE),
                 "map " + shape.name + ": BPF_F_MMAPABLE");
}

Result<> MapSpec::make_seedless() {
    return check(bpf_map__set_map_flags(handle, shape.flags | BPF_F_ZERO_SEED),
                 "map " + shape.name + ": BPF_F_ZERO_SEED");
}

Result<> MapSpec::set_max_entries(std::uint32_t entries) {
    auto r =
        check(bpf_map__set_max_entries(handle, entries), "map " + shape.name + ": max_entries");
    if (r) shape.max_entries = entries;
    return r;
}

Result<> MapSpec::set_value(TypePtr type) {
    auto r = check(bpf_map__set_value_size(handle, type->size_bytes),
                   "map " + shape.name + ": value size");
    if (!r) return r;
    shape.value_bytes = type->size_bytes;
    shape.value = std::move(type);
    return r;
}

Result<> MapSpec::share(const Map& existing) {
    return check(bpf_map__reuse_fd(handle, existing.fd()), "map " + shape.name + ": share");
}

Result<> MapSpec::unpin() {
    return check(bpf_map__set_pin_path(handle, nullptr), "map " + shape.name + ": unpin");
}

Result<> MapSpec::set_inner(const MapShape& example) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = example.flags);
    inner_example = UniqueFd(bpf_map_create(static_cast<bpf_map_type>(example.kind), "weir_inner",
                                            example.key_bytes, example.value_bytes,
                                            example.max_entries, &options));
    const std::string what = "map " + shape.name + ": inner map " + example.name;
    if (auto r = check_errno(inner_example.get(), what); !r) return r;
    return check(bpf_map__set_inner_map_fd(handle, inner_example.get()), what);
}

std::span<std::byte> MapSpec::initial_value() {
    std::size_t bytes = 0;
    void* data = bpf_map__initial_value(handle, &bytes);
    if (data == nullptr) return {};
    return {static_cast<std::byte*>(data), bytes};
}

void ProgramSpec::set_autoload(bool load) { bpf_program__set_autoload(handle, load); }

Result<> ProgramSpec::make_for(Hook hook, bool with_frags) {
    const bool is_xdp = hook == Hook::Xdp;
    const std::uint32_t flags = bpf_program__flags(handle) & ~BPF_F_XDP_HAS_FRAGS;
    // SEC("xdp.frags") makes libbpf set the flag at load, whatever we say, until the type has been
    // another: libbpf.c:bpf_program__set_type then forgets the section.
    int rc = 0;
    if (is_xdp && !with_frags) rc = bpf_program__set_type(handle, BPF_PROG_TYPE_SCHED_CLS);
    if (rc == 0)
        rc = bpf_program__set_type(handle, is_xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS);
    if (rc == 0)
        rc = bpf_program__set_expected_attach_type(
            handle, is_xdp ? BPF_XDP : static_cast<bpf_attach_type>(0));
    if (rc == 0)
        rc = bpf_program__set_flags(handle,
                                    is_xdp && with_frags ? flags | BPF_F_XDP_HAS_FRAGS : flags);
    return check(rc, "program " + function);
}

Result<> ProgramSpec::set_immediate(std::uint64_t placeholder, std::uint64_t value) {
    const std::span own(bpf_program__insns(handle), bpf_program__insn_cnt(handle));
    std::vector<bpf_insn> instructions(own.begin(), own.end());
    bool is_there = false;
    for (std::size_t i = 0; i + 1 < instructions.size(); ++i) {
        bpf_insn& low = instructions[i];  // of the two that load 64 bits
        bpf_insn& high = instructions[i + 1];
        if (low.code != (BPF_LD | BPF_IMM | BPF_DW) || low.src_reg != 0 ||
            static_cast<std::uint32_t>(low.imm) != static_cast<std::uint32_t>(placeholder) ||
            static_cast<std::uint32_t>(high.imm) != placeholder >> 32)
            continue;
        low.imm = static_cast<std::int32_t>(value);
        high.imm = static_cast<std::int32_t>(value >> 32);
        is_there = true;
    }
    if (!is_there) return {};
    const int rc = bpf_program__set_insns(handle, instructions.data(), instructions.size());
    return check(rc, "program " + function);
}

Object::Object(std::unique_ptr<State> state) : state_(std::move(state)) {}
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

Result<Object> Object::open(std::span<const std::byte> elf, const std::string& name) {
    auto facts = read_elf_facts(elf);
    if (!facts) return pass_on(facts);
    if (facts->has_legacy_maps) {
        return fail(Errc::Invalid, "map definitions in SEC(\"maps\") are not supported",
                    "define them in SEC(\".maps\") with __uint and __type");
    }
    if (!facts->has_btf)
        return fail(Errc::Invalid, "the object has no BTF", "compile it with clang -g");
    const LogCapture log;
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name.c_str());
    ObjectHandle object(bpf_object__open_mem(elf.data(), elf.size(), &options));
    if (!object) {
        if (const auto missing = missing_extern(log.text()); !missing.empty())
            return fail(Errc::Invalid, missing + " is declared but not defined in it",
                        "link the objects of its sources: bpftool gen object");
        return std::unexpected(Error{.code = Errc::Invalid,
                                     .message = "not a usable BPF object: " + last_line(log.text()),
                                     .log = log.text()});
    }
    auto state = std::make_unique<State>();
    state->name = name;
    state->maps = read_maps(object.get(), *facts);
    state->programs = read_programs(object.get());
    state->facts = std::move(*facts);
    state->object = std::move(object);
    return Object(std::move(state));
}

std::vector<MapSpec>& Object::maps() { return state_->maps; }
const std::vector<MapSpec>& Object::maps() const { return state_->maps; }

MapSpec* Object::find_map(std::string_view name) {
    const auto it =
        std::ranges::find(state_->maps, name, [](const MapSpec& m) { return m.shape.name; });
    return it != state_->maps.end() ? &*it : nullptr;
}

std::vector<ProgramSpec>& Object::programs() { return state_->programs; }

ProgramSpec* Object::find_program(std::string_view function) {
    const auto it = std::ranges::find(state_->programs, function, &ProgramSpec::function);
    return it != state_->programs.end() ? &*it : nullptr;
}

const std::vector<std::string>& Object::static_tail_call_targets() const {
    return state_->facts.functions_in_maps;
}

const ElfFacts& Object::elf_facts() const { return state_->facts; }

std::optional<Object::Constant> Object::constant(std::string_view name) {
    for (MapSpec& map : state_->maps) {
        if (!map.shape.is_globals || !map.shape.name.starts_with(".rodata")) continue;
        const std::span<std::byte> image = map.initial_value();
        for (const Member& variable : map.shape.value->members) {
            const std::size_t offset = variable.bit_offset / 8;
            if (variable.name != name || offset + variable.type->size_bytes > image.size())
                continue;
            return Constant{.bytes = image.subspan(offset, variable.type->size_bytes),
                            .type = variable.type};
        }
    }
    return std::nullopt;
}

std::vector<std::string> Object::constants() {
    std::vector<std::string> names;
    for (const MapSpec& map : state_->maps) {
        if (!map.shape.is_globals || !map.shape.name.starts_with(".rodata")) continue;
        if (map.shape.name.ends_with(".weir")) continue;  // ours
        for (const Member& variable : map.shape.value->members) names.push_back(variable.name);
    }
    return names;
}

Result<LoadedObject> Object::load() && {
    const LogCapture log;
    const int rc = bpf_object__load(state_->object.get());
    if (rc < 0) {
        constexpr std::array kNeeded = {Feature::Syscall, Feature::XdpProgram, Feature::XdpFrags,
                                        Feature::BpfLoop, Feature::MmapArray,  Feature::Ringbuf};
        Error error = explain(load_error(-rc, log.text()), kNeeded);
        if (error.hint.empty())
            error.hint = map_hint(state_->maps, state_->name, failed_map(log.text()));
        return std::unexpected(std::move(error));
    }
    std::vector<Map> maps;
    for (const MapSpec& spec : state_->maps) {
        MapShape shape = spec.shape;  // types as resolved; sizes and flags as they are now
        shape.flags = bpf_map__map_flags(spec.handle);
        shape.max_entries = bpf_map__max_entries(spec.handle);
        maps.emplace_back(std::move(shape), bpf_map__fd(spec.handle));
    }
    return LoadedObject(std::move(state_), std::move(maps));
}

LoadedObject::LoadedObject(std::unique_ptr<Object::State> state, std::vector<Map> maps)
    : state_(std::move(state)), maps_(std::move(maps)) {}
LoadedObject::LoadedObject(LoadedObject&&) noexcept = default;
LoadedObject& LoadedObject::operator=(LoadedObject&&) noexcept = default;
LoadedObject::~LoadedObject() = default;

const Map* LoadedObject::find_map(std::string_view name) const {
    const auto it = std::ranges::find(maps_, name, [](const Map& m) { return m.name(); });
    return it != maps_.end() ? &*it : nullptr;
}

std::optional<Program> LoadedObject::program(std::string_view function) const {
    const auto it = std::ranges::find(state_->programs, function, &ProgramSpec::function);
    if (it == state_->programs.end()) return std::nullopt;
    const int fd = bpf_program__fd(it->handle);
    if (fd < 0) return std::nullopt;
    return Program{.function = it->function, .fd = fd};
}

void LoadedObject::unload_programs() {
    for (const ProgramSpec& program : state_->programs) bpf_program__unload(program.handle);
}

}  // namespace weir::bpf

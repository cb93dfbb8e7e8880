// SPDX-License-Identifier: Apache-2.0
#include "probe/clone_pair.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "probe/core_objects.h"
#include "probe/heirlooms.h"
#include "probe/memory.h"
#include "probe/redirects.h"
#include "probe/special_fields.h"
#include "util/env.h"
#include "weir/abi.h"

namespace weir {
namespace {

template <class T>
void set_own_constant(bpf::Object& object, std::string_view name, T value) {
    const auto constant = object.constant(name);
    if (constant && constant->bytes.size() == sizeof(T))
        std::memcpy(constant->bytes.data(), &value, sizeof(T));
}

/// What every object of ours shares with the hook; a foreign object has none of these and is left
/// alone.
Result<> bind_to_hook(bpf::Object& object, const SlotBinding& binding, std::uint32_t counter) {
    if (bpf::MapSpec* chain = object.find_map("weir_chain"))
        if (auto r = chain->share(*binding.chain); !r) return r;
    if (bpf::MapSpec* cpus = object.find_map("weir_cpus"))
        if (auto r = cpus->share(*binding.cpus); !r) return r;
    for (bpf::ProgramSpec& program : object.programs()) {
        if (auto r = program.set_immediate(WEIR_NEXT_SLOT, binding.slot + 1); !r) return pass_on(r);
        const std::size_t counts = offsetof(weir_cpu, counts) + counter * sizeof(weir_counts);
        if (auto r = program.set_immediate(WEIR_OWN_COUNTS, counts); !r) return pass_on(r);
    }
    set_own_constant<std::uint32_t>(object, "weir_counter", counter);
    set_own_constant<std::uint64_t>(object, "weir_epoch_base", binding.epoch_base_ns);
    set_own_constant<std::uint64_t>(object, "weir_flow_seed", binding.flow_seed);
    set_own_constant<bool>(object, "weir_is_raw_ip", binding.is_raw_ip);
    set_own_constant<bool>(object, "weir_is_replay", binding.is_replay);
    set_own_constant<bool>(object, "weir_is_egress", binding.hook == Hook::TcEgress);
    set_own_constant<bool>(object, "weir_with_frags", binding.with_frags);
    // libbpf maps globals only where one of them is not static (libbpf.c:map_is_mmapable).
    if (bpf::MapSpec* globals = object.find_map(".data.weir"); globals && binding.is_replay)
        if (auto r = globals->make_mmapable(); !r) return r;
    return resolve_redirects(object, binding.is_replay);
}

bool may_be_mmapable(const bpf::MapSpec& map) {
    return map.shape.kind == bpf::MapKind::Array && !map.shape.is_globals && !map.is_inner &&
           (map.shape.flags & BPF_F_RDONLY_PROG) == 0 && !special_fields(*map.shape.value).any() &&
           !is_disabled("mmap");
}

bool may_be_seedless(const bpf::MapSpec& map) {
    const bpf::MapKind kind = map.shape.kind;
    return !map.is_inner && (kind == bpf::MapKind::Hash || kind == bpf::MapKind::PercpuHash ||
                             kind == bpf::MapKind::LruHash || kind == bpf::MapKind::LruPercpuHash);
}

/// Everything about maps that must be said before they exist. `existing`, beside the maps: those
/// that are there already; null: to be created.
Result<> prepare_maps(bpf::Object& object, const SlotBinding& binding,
                      std::span<const bpf::Map* const> existing) {
    for (std::size_t i = 0; i < existing.size(); ++i) {
        bpf::MapSpec& map = object.maps()[i];
        if (map.is_pinned_by_name)
            if (auto r = map.unpin(); !r) return r;
        if (map.shape.name.starts_with("weir_") && !map.shape.name.starts_with(WEIR_LOG_MAPS))
            continue;
        if (existing[i] != nullptr) {
            if (auto r = map.share(*existing[i]); !r) return r;
        } else if (binding.has_fixed_order && may_be_seedless(map)) {
            if (auto r = map.make_seedless(); !r) return r;
        } else if (may_be_mmapable(map)) {
            if (auto r = map.make_mmapable(); !r) return r;
        }
    }
    return {};
}

/// A map of maps of the BCC dialect names the map inside by a tag; the kernel wants one like it to
/// look at.
Result<> prepare_inner_maps(bpf::Object& object) {
    for (bpf::MapSpec& map : object.maps()) {
        for (const std::string& tag : map.tags) {
            if (!tag.starts_with(WEIR_TAG_INNER)) continue;
            const std::string name = tag.substr(sizeof(WEIR_TAG_INNER) - 1);
            const bpf::MapSpec* inner = object.find_map(name);
            if (inner == nullptr)
                return fail(Errc::Invalid,
                            "map " + map.shape.name + ": no map " + name + " to stand in it");
            if (auto r = map.set_inner(inner->shape); !r) return r;
        }
    }
    return {};
}

Result<> prepare_programs(bpf::Object& object, const ProbeImage& image, Hook hook,
                          bool with_frags) {
    const auto& targets = object.static_tail_call_targets();
    for (bpf::ProgramSpec& program : object.programs()) {
        const bool is_target = std::ranges::find(targets, program.function) != targets.end();
        if (program.function != image.entry && !is_target) continue;
        if (auto r = program.make_for(hook, with_frags); !r) return r;
    }
    return {};
}

/// People know their function, not the wrapper that it was inlined into.
Error name_function(Error error, const ProbeImage& image) {
    const std::size_t at = error.message.find("weir_entry");
    if (at != std::string::npos)
        error.message.replace(at, std::string_view("weir_entry").size(), image.function);
    return error;
}

bool asks_for_pin(const bpf::MapSpec& map) {
    return map.is_pinned_by_name || std::ranges::any_of(map.tags, [](const std::string& tag) {
               return tag.starts_with(WEIR_TAG_PIN);
           });
}

/// weir leaves nothing behind, hence pins nothing; an author who asks for it is told.
std::vector<std::string> pin_notices(bpf::Object& object) {
    std::vector<std::string> notices;
    for (const bpf::MapSpec& map : object.maps())
        if (asks_for_pin(map))
            notices.push_back("map " + map.shape.name +
                              " is not pinned: weir leaves nothing behind");
    return notices;
}

/// Globals as they are in the object, for clear(): .data goes back to it, .bss to zeros.
std::vector<std::vector<std::byte>> initial_images(bpf::Object& object) {
    std::vector<std::vector<std::byte>> images;
    for (bpf::MapSpec& map : object.maps()) {
        const std::span<std::byte> image =
            map.shape.is_globals ? map.initial_value() : std::span<std::byte>{};
        images.emplace_back(image.begin(), image.end());
    }
    return images;
}

/// Programs and, as far as they are not there yet, maps: into the kernel.
Result<CloneCode> load_programs(bpf::Object object, const ProbeImage& image,
                                const SlotBinding& binding) {
    if (auto r = prepare_programs(object, image, binding.hook, binding.with_frags); !r)
        return pass_on(r);
    std::vector<std::string> functions;
    for (const bpf::ProgramSpec& program : object.programs()) functions.push_back(program.function);
    auto loaded = std::move(object).load();
    if (!loaded) return std::unexpected(name_function(std::move(loaded).error(), image));
    CloneCode code{.object = std::move(*loaded), .entry = {}, .programs = {}};
    for (const std::string& function : functions)
        if (auto program = code.object.program(function)) code.programs.push_back(*program);
    auto entry = code.object.program(image.entry);
    if (!entry) return fail(Errc::Invalid, "no program " + image.entry + " in it");
    code.entry = std::move(*entry);
    return code;
}

}  // namespace

Result<> Clone::stand_behind_stub(const SlotBinding& binding) {
    auto stub = bpf::Object::open(core::stub(), "weir_stub");
    if (!stub) return wrap(stub, "stub");
    if (auto r = bind_to_hook(*stub, binding, counter_); !r) return wrap(r, "stub");
    const char* function = is_tc(binding.hook) ? "weir_stub_tc" : "weir_stub_xdp";
    for (bpf::ProgramSpec& other : stub->programs()) other.set_autoload(false);
    bpf::ProgramSpec* program = stub->find_program(function);
    program->set_autoload(true);
    if (auto r = program->make_for(binding.hook, binding.with_frags); !r) return wrap(r, "stub");
    auto loaded = std::move(*stub).load();
    if (!loaded) return wrap(loaded, "stub");
    const std::uint32_t zero = 0;
    if (auto r = loaded->find_map("weir_target")->update(&zero, &entry_.fd); !r)
        return wrap(r, "stub");
    stub_ = std::move(*loaded);
    auto entry = stub_->program(function);
    if (!entry) return fail(Errc::Io, "stub: not loaded");
    entry_ = std::move(*entry);
    return {};
}

Result<Clone> Clone::load(const ProbeImage& image, const SlotBinding& binding, const Clone* twin,
                          const Predecessor& predecessor) {
    auto object = image.open();
    if (!object) return pass_on(object);
    auto policies = classify(object->maps(), image.maps);
    if (!policies) return pass_on(policies);
    const std::uint64_t pair_bytes = estimate_pair_bytes(object->maps(), *policies);
    if (twin == nullptr)
        if (auto r = require_memory(pair_bytes); !r) return pass_on(r);
    const std::uint32_t counter = binding.counters->at(twin == nullptr ? 0 : 1);
    if (auto r = bind_to_hook(*object, binding, counter); !r) return pass_on(r);
    auto existing = twin != nullptr ? shared_maps(*object, *policies, twin->object_)
                                    : find_heirlooms(*object, *policies, predecessor);
    if (!existing) return pass_on(existing);
    if (auto r = prepare_maps(*object, binding, *existing); !r) return pass_on(r);
    if (auto r = prepare_inner_maps(*object); !r) return pass_on(r);
    std::vector<std::string> notices = pin_notices(*object);
    std::ranges::move(redirect_notices(*object), std::back_inserter(notices));
    std::vector<std::vector<std::byte>> images = initial_images(*object);
    auto code = load_programs(std::move(*object), image, binding);
    if (!code) return pass_on(code);
    Clone clone(std::move(code->object));
    clone.notices_ = std::move(notices);
    clone.programs_ = std::move(code->programs);
    clone.entry_ = std::move(code->entry);
    clone.counter_ = counter;
    clone.pair_bytes_ = pair_bytes;
    for (std::size_t i = 0; i < policies->size(); ++i) {
        const bpf::Map& map = clone.object_.maps()[i];
        if (is_internal_map(map.name())) continue;
        clone.maps_.push_back({.map = map,
                               .policy = (*policies)[i],
                               .image = std::move(images[i]),
                               .flow_heads = clone.object_.find_map(WEIR_FLOW_HEADS + map.name())});
    }
    if (!image.is_wrapped)
        if (auto r = clone.stand_behind_stub(binding); !r) return pass_on(r);
    return clone;
}

/// Constants are not shared: libbpf writes them before the load, and each load has its own.
Result<CloneCode> Clone::load_code(const ProbeImage& image, const SlotBinding& binding) const {
    auto object = image.open();
    if (!object) return pass_on(object);
    if (auto r = bind_to_hook(*object, binding, counter_); !r) return pass_on(r);
    for (bpf::MapSpec& map : object->maps()) {
        const bpf::Map* existing = object_.find_map(map.shape.name);
        if (existing == nullptr || map.shape.name.starts_with(".rodata")) continue;
        if (map.is_pinned_by_name)
            if (auto r = map.unpin(); !r) return pass_on(r);
        if (auto r = map.share(*existing); !r) return pass_on(r);
    }
    return load_programs(std::move(*object), image, binding);
}

void Clone::take_code(CloneCode code) {
    if (!moved_) object_.unload_programs();
    entry_ = std::move(code.entry);
    programs_ = std::move(code.programs);
    moved_ = std::move(code.object);
}

Result<ClonePair> ClonePair::load(const ProbeImage& image, const SlotBinding& binding,
                                  const Predecessor& predecessor) {
    auto first = Clone::load(image, binding, nullptr, predecessor);
    if (!first) return pass_on(first);
    auto second = Clone::load(image, binding, &*first, {});
    if (!second) return wrap(second, "second clone");
    ClonePair pair(image, binding, {std::move(*first), std::move(*second)});
    for (const CloneMap& m : pair.clone(0).maps())
        if (special_fields(*m.map.shape().value).has_timer)
            pair.not_frozen_.push_back(m.map.name());
    return pair;
}

Result<PairCode> ClonePair::load_code(std::uint32_t slot) const {
    SlotBinding binding = binding_;
    binding.slot = slot;
    auto first = clones_[0].load_code(image_, binding);
    if (!first) return pass_on(first);
    auto second = clones_[1].load_code(image_, binding);
    if (!second) return pass_on(second);
    return PairCode{.slot = slot, .clones = {std::move(*first), std::move(*second)}};
}

void ClonePair::take_code(PairCode code) {
    binding_.slot = code.slot;
    for (std::size_t i = 0; i < clones_.size(); ++i)
        clones_.at(i).take_code(std::move(code.clones.at(i)));
}

}  // namespace weir

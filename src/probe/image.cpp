// SPDX-License-Identifier: Apache-2.0
#include "probe/image.h"

#include <algorithm>

#include "probe/entry.h"
#include "probe/settings.h"
#include "probe/tail_calls.h"
#include "util/file.h"
#include "weir/abi.h"

namespace weir {
namespace {

Result<ProbeImage> from_object(const ProbeSpec& spec) {
    const std::filesystem::path path = object_for(spec.file.path, spec.hook);
    auto elf = read_bytes(path);
    if (!elf) return pass_on(elf);
    auto object = bpf::Object::open(*elf, spec.file.name);
    if (!object) return wrap(object, path.string());
    auto entry = find_entry(*object, {.program = spec.program, .hook = spec.hook});
    if (!entry) return wrap(entry, path.string());
    ProbeImage image;
    image.function = entry->function;
    image.entry = entry->entry;
    image.is_wrapped = entry->is_wrapped;
    image.hook = entry->hook;
    image.elf = std::move(*elf);
    image.notices = std::move(entry->notices);
    return image;
}

Result<ProbeImage> from_source(const ProbeSpec& spec, const std::filesystem::path& share) {
    auto compiled = compile::compile(spec.file.path, {.hook = spec.hook,
                                                      .include_dir = share / "include",
                                                      .program = spec.program,
                                                      .cflags = spec.cflags});
    if (!compiled) return pass_on(compiled);
    ProbeImage image;
    image.function = compiled->function;
    image.entry = "weir_entry";
    image.dialect = compiled->dialect;
    image.hook = compiled->hook;
    image.elf = std::move(compiled->elf);
    image.notices = std::move(compiled->notices);
    return image;
}

/// Maps that a tag of the BCC dialect puts into a map of maps are inner maps like those put there
/// by C.
void mark_inner_maps(bpf::Object& object) {
    for (const bpf::MapSpec& map : object.maps()) {
        for (const std::string& tag : map.tags) {
            if (!tag.starts_with(WEIR_TAG_INNER)) continue;
            bpf::MapSpec* inner = object.find_map(tag.substr(sizeof(WEIR_TAG_INNER) - 1));
            if (inner != nullptr) inner->is_inner = true;
        }
    }
}

}  // namespace

Result<ProbeImage> ProbeImage::build(const ProbeSpec& spec, const std::filesystem::path& share) {
    auto image = spec.file.is_object ? from_object(spec) : from_source(spec, share);
    if (!image) return image;
    image->name = spec.file.name;
    image->maps = spec.maps;
    image->settings = spec.settings;
    auto object = bpf::Object::open(image->elf, image->name);
    if (!object) return pass_on(object);
    const TailCalls calls = find_tail_calls(*object, image->entry);
    image->tail_calls_away = calls.leave_entry;
    image->own_tail_calls = calls.at_most;
    return image;
}

Result<bpf::Object> ProbeImage::open() const {
    auto object = bpf::Object::open(elf, name);
    if (!object) return object;
    mark_inner_maps(*object);
    const auto& targets = object->static_tail_call_targets();
    for (bpf::ProgramSpec& program : object->programs()) {
        const bool is_needed = program.function == entry ||
                               std::ranges::find(targets, program.function) != targets.end();
        program.set_autoload(is_needed);
    }
    if (object->find_program(entry) == nullptr)
        return fail(Errc::Invalid, "no program " + entry + " in it");
    if (auto r = apply_settings(*object, settings); !r) return pass_on(r);
    return object;
}

}  // namespace weir

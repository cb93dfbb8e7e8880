// SPDX-License-Identifier: Apache-2.0
#include "probe/redirects.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>

#include "weir/abi.h"

namespace weir {
namespace {

constexpr std::uint32_t kLoopback = 1;  // of every network namespace

/// Where in the section's memory the targets lie.
std::vector<std::size_t> target_offsets(const bpf::MapShape& section) {
    std::vector<std::size_t> offsets;
    for (const bpf::Member& variable : section.value->members)
        if (variable.type->name == "weir_redirect_target" &&
            variable.type->size_bytes == sizeof(weir_redirect_target))
            offsets.push_back(variable.bit_offset / 8);
    return offsets;
}

std::string name_at(std::span<const std::byte> memory, std::size_t offset) {
    weir_redirect_target target{};
    std::memcpy(&target, memory.data() + offset, sizeof(target));
    return {target.name, ::strnlen(target.name, sizeof(target.name))};
}

}  // namespace

Result<> resolve_redirects(bpf::Object& object, bool is_replay) {
    bpf::MapSpec* section = object.find_map(WEIR_REDIRECT_SECTION);
    if (section == nullptr) return {};
    const std::span<std::byte> image = section->initial_value();
    for (const std::size_t offset : target_offsets(section->shape)) {
        if (offset + sizeof(weir_redirect_target) > image.size()) continue;
        const auto interface = bpf::interface_index(name_at(image, offset));
        std::uint32_t number = interface ? static_cast<std::uint32_t>(*interface) : 0;
        if (is_replay) number = kLoopback;
        std::memcpy(image.data() + offset + offsetof(weir_redirect_target, ifindex), &number,
                    sizeof(number));
    }
    return section->make_mmapable();
}

std::vector<std::string> redirect_notices(bpf::Object& object) {
    std::vector<std::string> notices;
    bpf::MapSpec* section = object.find_map(WEIR_REDIRECT_SECTION);
    if (section == nullptr) return notices;
    const std::span<std::byte> image = section->initial_value();
    for (const std::size_t offset : target_offsets(section->shape)) {
        weir_redirect_target target{};
        if (offset + sizeof(target) > image.size()) continue;
        std::memcpy(&target, image.data() + offset, sizeof(target));
        if (target.ifindex != 0) continue;
        std::string notice =
            "no interface " + name_at(image, offset) + ": packets for it pass until there is one";
        if (std::ranges::find(notices, notice) == notices.end())
            notices.push_back(std::move(notice));
    }
    return notices;
}

Result<Redirects> Redirects::open(const ClonePair& pair) {
    Redirects redirects;
    for (const unsigned clone : {0U, 1U}) {
        const bpf::Map* section = pair.clone(clone).find_map(WEIR_REDIRECT_SECTION);
        if (section == nullptr) continue;
        auto memory = section->map_values();
        if (!memory) return wrap(memory, "redirects");
        const std::span<std::byte> bytes = memory->bytes();
        for (const std::size_t offset : target_offsets(section->shape())) {
            // SAFETY: the mapping is page-aligned, and a __u32 is aligned within its section.
            auto* ifindex = reinterpret_cast<std::uint32_t*>(
                bytes.data() + offset + offsetof(weir_redirect_target, ifindex));
            redirects.targets_.push_back({.name = name_at(bytes, offset), .ifindex = ifindex});
        }
        redirects.memory_.push_back(std::move(*memory));
    }
    return redirects;
}

std::vector<std::string> Redirects::names() const {
    std::vector<std::string> names;
    names.reserve(targets_.size());
    for (const Target& target : targets_) names.push_back(target.name);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
}

std::vector<std::string> Redirects::missing() const {
    std::vector<std::string> names = this->names();
    std::erase_if(names, [this](const std::string& name) {
        return std::ranges::any_of(targets_, [&](const Target& target) {
            return target.name == name && std::atomic_ref(*target.ifindex).load() != 0;
        });
    });
    return names;
}

void Redirects::follow(const std::string& name, std::optional<bpf::IfIndex> interface) {
    const std::uint32_t number = interface ? static_cast<std::uint32_t>(*interface) : 0;
    for (const Target& target : targets_)
        if (target.name == name)
            std::atomic_ref(*target.ifindex).store(number, std::memory_order_relaxed);
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe in the kernel: two clones of one object, each with its own windowed maps, both with the
// same persistent ones. Packets enter one clone while user space owns the other's windowed maps.
//
//     auto pair = ClonePair::load(image, binding);
//     chain.append(std::move(*pair));
//
// Ownership: owns programs and maps of both clones. Thread rule: one thread (the engine's).
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "probe/image.h"
#include "probe/map_class.h"
#include "weir/result.h"

namespace weir {

/// What a probe shares with its hook, and where in the chain it stands.
struct SlotBinding {
    const bpf::Map& chain;  // the program array
    const bpf::Map& cpus;   // struct weir_cpu (weir/abi.h)
    Hook hook = Hook::Xdp;
    std::uint32_t slot = 0;
    std::array<std::uint32_t, 2> counters = {0, 1};  // of the two clones: weir_cpu::counts[]
    bool with_frags = true;
    std::uint64_t epoch_base_ns = 0;  // Unix time minus monotonic time, the same for both clones
    std::uint64_t flow_seed = 1;      // of the hash of flows, random
    bool is_raw_ip = false;           // frames of the interface begin with IP
    bool is_replay = false;           // the clock is a capture's (probe/replay_clock.h)
    bool has_fixed_order = false;     // hash maps without a random seed: equal runs, equal order
};

/// A map of one clone, with what the window does to it.
struct CloneMap {
    bpf::Map map;
    MapPolicy policy;
    std::vector<std::byte> image;          // globals: content in the object; else empty
    const bpf::Map* flow_heads = nullptr;  // a flow tensor: the map of its heads; else null
};

class Clone {
public:
    /// The program that stands in the slot: the wrapper, or the stub before a foreign object.
    [[nodiscard]] const bpf::Program& entry() const { return entry_; }
    /// Which of the hook's counters this clone adds to.
    [[nodiscard]] std::uint32_t counter() const { return counter_; }
    /// The author's maps; weir's own and constants are left out.
    [[nodiscard]] std::span<const CloneMap> maps() const { return maps_; }
    /// Every program that was loaded for this clone.
    [[nodiscard]] std::span<const bpf::Program> programs() const { return programs_; }
    /// Any map of the object, weir's own too; null where there is none.
    [[nodiscard]] const bpf::Map* find_map(std::string_view name) const {
        return object_.find_map(name);
    }
    /// What the author should know and that is no error.
    [[nodiscard]] std::span<const std::string> notices() const { return notices_; }

private:
    friend class ClonePair;
    explicit Clone(bpf::LoadedObject object) : object_(std::move(object)) {}
    /// `twin`: the other clone, whose persistent maps this one shares; none for the first.
    [[nodiscard]] static Result<Clone> load(const ProbeImage& image, const SlotBinding& binding,
                                            const Clone* twin);
    [[nodiscard]] Result<> stand_behind_stub(const SlotBinding& binding);

    bpf::LoadedObject object_;
    std::optional<bpf::LoadedObject> stub_;
    bpf::Program entry_;
    std::uint32_t counter_ = 0;
    std::uint64_t pair_bytes_ = 0;
    std::vector<CloneMap> maps_;
    std::vector<bpf::Program> programs_;
    std::vector<std::string> notices_;
};

class ClonePair {
public:
    /// Errors: Rejected (verifier), Permission, Invalid (--set, --window, --persist), Io (memory).
    /// On error nothing stays in the kernel.
    [[nodiscard]] static Result<ClonePair> load(const ProbeImage& image,
                                                const SlotBinding& binding);

    [[nodiscard]] const Clone& clone(unsigned generation) const { return clones_[generation & 1]; }
    [[nodiscard]] const std::string& name() const { return name_; }
    /// A foreign object: it decides the packet's fate, no slot behind it is ever entered.
    [[nodiscard]] bool ends_chain() const { return clones_[0].stub_.has_value(); }
    /// Memory of all maps of both clones and of their drains, as far as it is known beforehand.
    [[nodiscard]] std::uint64_t map_bytes() const { return clones_[0].pair_bytes_; }
    /// Maps whose values hold timers or work queues: their callbacks write at any time.
    [[nodiscard]] const std::vector<std::string>& not_frozen() const { return not_frozen_; }

private:
    ClonePair(std::string name, std::array<Clone, 2> clones)
        : name_(std::move(name)), clones_(std::move(clones)) {}
    std::string name_;
    std::array<Clone, 2> clones_;
    std::vector<std::string> not_frozen_;
};

}  // namespace weir

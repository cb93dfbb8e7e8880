// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe in the kernel: two clones of one object, each with its own windowed maps, both with the
// same persistent ones. Packets enter one clone while user space owns the other's windowed maps.
//
//     auto pair = ClonePair::load(image, binding);
//     chain.append(std::move(*pair));
//
// A wrapper knows its slot as a constant. So a probe that moves in its chain gets programs for the
// new slot (load_code), which work on the maps that it has.
//
// Ownership: owns programs and maps of both clones. Thread rule: one thread at a time; load() and
// load_code() are made for another one than the engine's.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "probe/image.h"
#include "probe/map_class.h"
#include "weir/result.h"

namespace weir {

/// Counters of one pair, which are its own as long as it is there (CounterPool, chain/chain.h).
using CounterPair = std::array<std::uint32_t, 2>;

/// What a probe shares with its hook, and where in the chain it stands.
struct SlotBinding {
    const bpf::Map* chain = nullptr;  // the program array
    const bpf::Map* cpus = nullptr;   // struct weir_cpu (weir/abi.h)
    Hook hook = Hook::Xdp;
    std::uint32_t slot = 0;
    std::shared_ptr<const CounterPair> counters;  // of the two clones: weir_cpu::counts[]
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

/// The programs of a clone for one slot.
struct CloneCode {
    bpf::LoadedObject object;
    bpf::Program entry;
    std::vector<bpf::Program> programs;
};

/// The programs of both clones for another slot than theirs.
struct PairCode {
    std::uint32_t slot = 0;
    std::array<CloneCode, 2> clones;
};

class ClonePair;

/// The probe whose persistent maps a new one takes over: a patch.
struct Predecessor {
    const ClonePair* pair = nullptr;  // null: there is none
    bool may_drop_state = false;      // what does not fit is given up
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
                                            const Clone* twin, const Predecessor& predecessor);
    [[nodiscard]] Result<CloneCode> load_code(const ProbeImage& image,
                                              const SlotBinding& binding) const;
    void take_code(CloneCode code);
    [[nodiscard]] Result<> stand_behind_stub(const SlotBinding& binding);

    bpf::LoadedObject object_;  // the maps; and the programs, unless they are in moved_
    std::optional<bpf::LoadedObject> moved_;
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
    /// Errors: Rejected (verifier; persistent maps that do not fit the predecessor's, by name),
    /// Permission, Invalid (--set, --window, --persist), Io (memory). On error nothing stays in the
    /// kernel.
    [[nodiscard]] static Result<ClonePair> load(const ProbeImage& image, const SlotBinding& binding,
                                                const Predecessor& predecessor = {});

    /// Loads the programs again, for another slot, on the maps that there are; the present ones
    /// stay in force. Errors: as load().
    [[nodiscard]] Result<PairCode> load_code(std::uint32_t slot) const;
    /// These are the programs from now on; the former ones end. No packet may be in those.
    void take_code(PairCode code);
    /// The slot that its programs are for.
    [[nodiscard]] std::uint32_t slot() const { return binding_.slot; }
    /// Whether its programs can stand in any slot as they are: a stub does not look behind itself.
    [[nodiscard]] bool fits_every_slot() const { return is_foreign(); }

    [[nodiscard]] const Clone& clone(unsigned generation) const { return clones_[generation & 1]; }
    [[nodiscard]] const std::string& name() const { return image_.name; }
    /// A foreign object, or a program that tail-calls away: it decides the packet's fate, no slot
    /// behind it is ever entered.
    [[nodiscard]] bool ends_chain() const { return is_foreign() || image_.tail_calls_away; }
    [[nodiscard]] bool is_foreign() const { return clones_[0].stub_.has_value(); }
    /// At most, of one packet.
    [[nodiscard]] unsigned own_tail_calls() const { return image_.own_tail_calls; }
    /// Memory of all maps of both clones and of their drains, as far as it is known beforehand.
    [[nodiscard]] std::uint64_t map_bytes() const { return clones_[0].pair_bytes_; }
    /// Maps whose values hold timers or work queues: their callbacks write at any time.
    [[nodiscard]] const std::vector<std::string>& not_frozen() const { return not_frozen_; }

private:
    ClonePair(ProbeImage image, SlotBinding binding, std::array<Clone, 2> clones)
        : image_(std::move(image)), binding_(std::move(binding)), clones_(std::move(clones)) {}
    ProbeImage image_;  // to load its programs again
    SlotBinding binding_;
    std::array<Clone, 2> clones_;
    std::vector<std::string> not_frozen_;
};

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The probes of one hook, in order, behind the one pivot that is attached to it; and the generation
// word that says which clone of each of them packets enter.
//
//     auto chain = Chain::create();
//     auto pair = ClonePair::load(image, chain->next_binding());
//     chain->append(std::move(*pair));
//     auto attached = chain->attach(interface, {.mode = bpf::XdpMode::Drv});
//     ...
//     chain->flip(chain->bit(0));           // one store: packets enter the other clone from here
//     on grace.wait();                         // then clone(slot, retired) is ours
//
// Ownership: owns the pivot, the clone pairs and the link; the interface is free again when it
// dies. Thread rule: the engine's thread. Kernel: 5.15.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "bpf/link.h"
#include "bpf/object.h"
#include "probe/clone_pair.h"
#include "weir/abi.h"
#include "weir/result.h"

namespace weir {

struct AttachOptions {
    bpf::XdpMode mode = bpf::XdpMode::Skb;
    bool is_strict = false;  // fail instead of falling back to Skb
};

struct Attachment {
    bpf::XdpMode mode = bpf::XdpMode::Skb;  // what was got
    std::vector<std::string> notices;       // a fall-back; a faster mode that would work
};

struct HookCounts {
    std::array<weir_counts, WEIR_COUNTERS> of{};  // by Clone::counter()
    std::uint64_t tail_call_misses =
        0;  // packets that found no program; 0 unless something is wrong
};

class Chain {
public:
    /// Loads the pivot for this kind of hook; nothing is attached.
    /// Errors: Permission, Unsupported, Io.
    [[nodiscard]] static Result<Chain> create(Hook hook = Hook::Xdp);

    /// What the probe to be appended next is loaded with. Valid while the chain is not moved.
    [[nodiscard]] SlotBinding next_binding() const;

    /// Puts the pair behind the others; packets enter it from here on.
    /// Errors: Invalid (32 slots are taken; a foreign object stands last already).
    [[nodiscard]] Result<> append(ClonePair pair);

    /// Attaches the pivot. Errors: Busy (names the program that is there and keeps running),
    /// NotFound, Unsupported (is_strict, and the mode does not work here), Permission.
    [[nodiscard]] Result<Attachment> attach(bpf::IfIndex interface, const AttachOptions& options);
    [[nodiscard]] bool is_attached() const { return link_ && link_->is_attached(); }

    [[nodiscard]] std::size_t size() const { return slots_.size(); }
    [[nodiscard]] const ClonePair& pair(std::size_t slot) const { return *slots_[slot]; }

    /// The bit of a slot in the generation word.
    [[nodiscard]] static constexpr std::uint64_t bit(std::size_t slot) { return 1ULL << slot; }
    /// Flips every probe in the mask at one instant, between two packets. Cost: one store.
    void flip(std::uint64_t slots);
    /// The clone of the slot that packets enter now: 0 or 1.
    [[nodiscard]] unsigned active(std::size_t slot) const;

    /// The program that is attached; borrowed.
    [[nodiscard]] const bpf::Program& pivot() const { return program_; }

    /// What was counted since the chain was made. A clone's counter stands still while it is
    /// retired and the grace period is over. Cost: one system call.
    [[nodiscard]] Result<HookCounts> counts() const;

private:
    Chain(Hook hook, bpf::LoadedObject pivot, bpf::Program program, Mapping word, bool with_frags);
    [[nodiscard]] const bpf::Map& map(std::string_view name) const {
        return *pivot_.find_map(name);
    }
    [[nodiscard]] std::uint64_t& word() const;
    [[nodiscard]] Result<> enter_programs(std::size_t slot, const ClonePair& pair) const;

    Hook hook_;
    bpf::LoadedObject pivot_;
    bpf::Program program_;  // of pivot_
    Mapping word_;
    bool with_frags_;
    std::vector<std::unique_ptr<ClonePair>> slots_;  // their addresses stay
    std::optional<bpf::XdpLink> link_;
};

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The probes of one hook, in order, behind the one pivot that is attached to it; and the generation
// word that says which clone of each of them packets enter.
//
//     auto chain = Chain::create(Hook::Xdp);
//     auto pair = ClonePair::load(image, chain->next_binding());
//     chain->append(std::move(*pair));
//     auto attached = chain->attach(interface, {.mode = bpf::XdpMode::Drv});
//     ...
//     chain->flip(chain->bit(0));           // one store: packets enter the other clone from here
//     on grace.wait();                         // then clone(slot, retired) is ours
//
// The chain stands in the program array twice, in banks, of which the word names the one in force.
// A new order is written into the other one, and the same store that names it flips what is to be
// flipped: between two packets probes come, go, are replaced and change places, and one that stays
// sees every packet once.
//
//     auto next = chain->prepare({a, new_b, c});   // on any thread: loads what moves
//     chain->stage(*next); chain->commit(bits);    // one store
//     grace.wait(); chain->settle();               // what left has ended
//
// Ownership: owns the pivot and the link, shares the clone pairs; the interface is free again when
// it dies. Thread rule: the engine's thread, but for what is said to be for any. Kernel: 5.15.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bpf/hook_link.h"
#include "bpf/interface.h"
#include "bpf/object.h"
#include "probe/clone_pair.h"
#include "weir/abi.h"
#include "weir/result.h"

namespace weir {

struct AttachOptions {  // of xdp
    bpf::XdpMode mode = bpf::XdpMode::Skb;
    bool is_strict = false;  // fail instead of falling back to Skb
};

struct Attachment {
    std::string mode;                  // what was got: "skb", "drv", "hw", "tcx", "clsact"
    std::vector<std::string> notices;  // a fall-back; a faster mode that would work
};

struct HookCounts {
    std::array<weir_counts, WEIR_COUNTERS> of{};  // by Clone::counter()
    std::uint64_t tail_call_misses =
        0;  // packets that found no program; 0 unless something is wrong
};

/// The counters of a hook (weir_cpu::counts), two for each pair of clones. Thread-safe.
class CounterPool : public std::enable_shared_from_this<CounterPool> {
public:
    /// Null: all are taken. Given back when the last owner lets go.
    [[nodiscard]] std::shared_ptr<const CounterPair> take();

private:
    void give_back(std::uint32_t first);
    std::mutex mutex_;
    std::array<bool, WEIR_COUNTERS / 2> is_taken_{};
};

using PairPtr = std::shared_ptr<ClonePair>;

/// An order that is loaded and can be put in force.
struct ChainOrder {
    std::vector<PairPtr> pairs;
    std::vector<std::unique_ptr<PairCode>> moved;  // beside pairs; null: it stands right as it is
};

class Chain {
public:
    /// Loads the pivot for this kind of hook; nothing is attached.
    /// Errors: Permission, Unsupported, Io.
    [[nodiscard]] static Result<Chain> create(Hook hook = Hook::Xdp);

    [[nodiscard]] Hook hook() const { return hook_; }

    /// What a probe for the slot is loaded with. Valid while the chain is not destroyed. Errors:
    /// Invalid (all slots are taken). Any thread.
    [[nodiscard]] Result<SlotBinding> binding(std::uint32_t slot) const;
    /// Of the slot behind the last.
    [[nodiscard]] Result<SlotBinding> next_binding() const;

    /// Puts the pair behind the others; packets enter it from here on.
    /// Errors: as prepare().
    [[nodiscard]] Result<> append(ClonePair pair);
    [[nodiscard]] Result<> append(PairPtr pair);

    /// Loads what an order of these pairs needs; those that are new have been loaded for their
    /// slots. Nothing changes for packets. Errors: Invalid (more than 32 slots, a probe that ends
    /// the chain is not the last, more tail calls than the kernel runs), those of
    /// ClonePair::load_code(). Any thread, while no other order is put in force.
    [[nodiscard]] Result<ChainOrder> prepare(std::vector<PairPtr> pairs) const;
    /// Writes the order into the bank that is not in force. Errors: Io; nothing has changed then.
    /// Cost: two system calls a slot.
    [[nodiscard]] Result<> stage(ChainOrder order);
    /// Gives up a staged order, if there is one.
    void unstage();
    /// Puts the staged order in force and flips `slots` of it (bits of the new order), by one
    /// store. Precondition: stage().
    void commit(std::uint64_t slots = 0);
    /// Ends what only the former order needed. Precondition: a grace period since commit().
    void settle();

    /// Attaches the pivot. Errors: Busy (names the program that is there and keeps running),
    /// NotFound, Unsupported (is_strict, and the mode does not work here), Permission.
    [[nodiscard]] Result<Attachment> attach(bpf::IfIndex interface, const AttachOptions& options);
    [[nodiscard]] bool is_attached() const { return link_ && bpf::is_attached(*link_); }

    [[nodiscard]] std::size_t size() const { return pairs_.size(); }
    [[nodiscard]] const ClonePair& pair(std::size_t slot) const { return *pairs_[slot]; }
    [[nodiscard]] const std::vector<PairPtr>& pairs() const { return pairs_; }

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
    Chain(Hook hook, bpf::LoadedObject pivot, bpf::Program program, bpf::Program hole, Mapping word,
          bool with_frags);
    [[nodiscard]] const bpf::Map& map(std::string_view name) const {
        return *pivot_.find_map(name);
    }
    [[nodiscard]] Result<Attachment> attach_xdp(bpf::IfIndex interface,
                                                const AttachOptions& options);
    [[nodiscard]] std::atomic_ref<std::uint64_t> word() const;
    [[nodiscard]] unsigned idle_bank() const;
    void leave_holes(unsigned bank, std::size_t first);
    [[nodiscard]] Result<> enter(unsigned bank, std::size_t slot, unsigned clone,
                                 int program) const;

    Hook hook_;
    bpf::LoadedObject pivot_;
    bpf::Program program_;  // of pivot_
    bpf::Program hole_;     // of pivot_: stands where no probe does
    Mapping word_;
    bool with_frags_;
    std::shared_ptr<CounterPool> counters_ = std::make_shared<CounterPool>();
    std::vector<PairPtr> pairs_;
    std::unique_ptr<ChainOrder> staged_;               // null: none
    std::array<std::size_t, 2> used_ = {0, 0};         // slots of each bank in which programs stand
    std::vector<PairPtr> former_;                      // alive until settle()
    std::vector<std::unique_ptr<PairCode>> arriving_;  // of pairs_, taken by settle()
    std::optional<bpf::HookLink> link_;
};

}  // namespace weir

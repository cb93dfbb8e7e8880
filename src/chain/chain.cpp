// SPDX-License-Identifier: Apache-2.0
#include "chain/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include "probe/core_objects.h"
#include "util/clock.h"
#include "weir/abi.h"

namespace weir {
namespace {

constexpr unsigned kTailCalls = 33;  // that the kernel runs one behind the other

const char* pivot_name(Hook hook) { return is_tc(hook) ? "weir_pivot_tc" : "weir_pivot_xdp"; }
const char* hole_name(Hook hook) { return is_tc(hook) ? "weir_hole_tc" : "weir_hole_xdp"; }

Result<bpf::LoadedObject> load_pivot(Hook hook, bool with_frags) {
    auto object = bpf::Object::open(core::pivot(), "weir_pivot");
    if (!object) return pass_on(object);
    for (bpf::ProgramSpec& program : object->programs()) {
        const bool is_needed =
            program.function == pivot_name(hook) || program.function == hole_name(hook);
        program.set_autoload(is_needed);
        if (!is_needed) continue;
        if (auto r = program.make_for(hook, with_frags); !r) return pass_on(r);
    }
    return std::move(*object).load();
}

Error describe_busy(bpf::IfIndex interface, Error error) {
    const auto name = bpf::interface_name(interface);
    const auto facts = bpf::xdp_facts(interface);
    if (!name || !facts || facts->owners.empty()) return error;
    error.message = bpf::describe_owner(*name, facts->owners.front());
    error.hint = "weir never replaces somebody else's program; detach it first: ip link set dev " +
                 *name + " xdp off";
    return error;
}

/// Whether a fall-back to skb mode can help: the device refused the mode, not the program or us.
bool is_mode_refused(const Error& error) {
    return error.code == Errc::Unsupported || error.code == Errc::Invalid;
}

std::string faster_mode_hint(bpf::IfIndex interface) {
    const auto facts = bpf::xdp_facts(interface);
    if (!facts || !facts->driver_has_xdp.value_or(false)) return {};
    return "the driver can run XDP itself: -x drv is faster than skb here";
}

void add(weir_counts& sum, const weir_counts& more) {
    sum.entered += more.entered;
    for (std::size_t i = 0; i < WEIR_OUTCOMES; ++i) sum.outcome[i] += more.outcome[i];
    sum.copies_lost += more.copies_lost;
    sum.copies_cut += more.copies_cut;
    sum.logs_lost += more.logs_lost;
    sum.redirects_lost += more.redirects_lost;
}

/// So that nobody can know beforehand which flows share a place in a flow tensor.
std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

/// Whether these can stand in this order, by what they do at their ends.
Result<> check_order(const std::vector<PairPtr>& pairs) {
    if (pairs.size() > WEIR_MAX_SLOTS)
        return fail(Errc::Invalid, fmt::format("a chain has {} slots at most", WEIR_MAX_SLOTS));
    for (std::size_t slot = 0; slot < pairs.size(); ++slot) {
        const ClonePair& pair = *pairs[slot];
        if (pair.ends_chain() && slot + 1 != pairs.size()) {
            return fail(Errc::Invalid,
                        fmt::format("{} {} and stands last: {} cannot stand behind it", pair.name(),
                                    pair.is_foreign() ? "is a foreign object" : "tail-calls away",
                                    pairs[slot + 1]->name()));
        }
    }
    std::size_t calls = pairs.size();
    for (const PairPtr& pair : pairs) calls += pair->own_tail_calls();
    // Alone, a probe has all that the kernel gives; how many it makes of them is its own matter.
    if (calls > kTailCalls && pairs.size() > 1)
        return fail(Errc::Invalid,
                    fmt::format("{} slots and their probes' own tail calls are {} tail calls; the "
                                "kernel runs {}",
                                pairs.size(), calls, kTailCalls));
    return {};
}

}  // namespace

std::shared_ptr<const CounterPair> CounterPool::take() {
    const std::lock_guard lock(mutex_);
    const auto free = std::ranges::find(is_taken_, false);
    if (free == is_taken_.end()) return nullptr;
    *free = true;
    const auto first = static_cast<std::uint32_t>(2 * std::distance(is_taken_.begin(), free));
    return {new CounterPair{first, first + 1},
            [pool = shared_from_this()](const CounterPair* pair) {
                pool->give_back(pair->front());
                delete pair;
            }};
}

void CounterPool::give_back(std::uint32_t first) {
    const std::lock_guard lock(mutex_);
    is_taken_.at(first / 2) = false;
}

Chain::Chain(Hook hook, bpf::LoadedObject pivot, bpf::Program program, bpf::Program hole,
             Mapping word, bool with_frags)
    : hook_(hook),
      pivot_(std::move(pivot)),
      program_(std::move(program)),
      hole_(std::move(hole)),
      word_(std::move(word)),
      with_frags_(with_frags) {}

Result<Chain> Chain::create(Hook hook) {
    bool with_frags = hook == Hook::Xdp;
    auto pivot = load_pivot(hook, with_frags);
    if (!pivot && with_frags && pivot.error().code != Errc::Permission) {
        with_frags = false;  // kernels before 5.18 refuse the flag
        if (auto plain = load_pivot(hook, with_frags)) pivot = std::move(plain);
    }
    if (!pivot) return wrap(pivot, "pivot");
    auto word = pivot->find_map(".data.weir")->map_values();
    if (!word) return wrap(word, "generation word");
    auto program = pivot->program(pivot_name(hook));
    auto hole = pivot->program(hole_name(hook));
    if (!program || !hole) return fail(Errc::Io, "pivot: not loaded");
    return Chain(hook, std::move(*pivot), std::move(*program), std::move(*hole), std::move(*word),
                 with_frags);
}

Result<SlotBinding> Chain::binding(std::uint32_t slot) const {
    SlotBinding binding{.chain = &map("weir_chain"),
                        .cpus = &map("weir_cpus"),
                        .hook = hook_,
                        .slot = slot,
                        .counters = counters_->take(),
                        .with_frags = with_frags_,
                        .epoch_base_ns = static_cast<std::uint64_t>(unix_offset_ns()),
                        .flow_seed = random_seed()};
    if (!binding.counters || slot >= WEIR_MAX_SLOTS)
        return fail(Errc::Invalid, fmt::format("a chain has {} slots at most", WEIR_MAX_SLOTS));
    return binding;
}

Result<SlotBinding> Chain::next_binding() const {
    return binding(static_cast<std::uint32_t>(pairs_.size()));
}

Result<> Chain::append(ClonePair pair) {
    return append(std::make_shared<ClonePair>(std::move(pair)));
}

Result<> Chain::append(PairPtr pair) {
    std::vector<PairPtr> pairs = pairs_;
    pairs.push_back(std::move(pair));
    auto order = prepare(std::move(pairs));
    if (!order) return pass_on(order);
    if (auto r = stage(std::move(*order)); !r) return r;
    commit();  // nobody leaves and nobody moves: there is nothing to settle
    former_.clear();
    return {};
}

Result<ChainOrder> Chain::prepare(std::vector<PairPtr> pairs) const {
    if (auto r = check_order(pairs); !r) return pass_on(r);
    ChainOrder order;
    for (std::uint32_t slot = 0; slot < pairs.size(); ++slot) {
        order.moved.emplace_back();
        if (pairs[slot]->slot() == slot || pairs[slot]->fits_every_slot()) continue;
        auto code = pairs[slot]->load_code(slot);
        if (!code) return wrap(code, pairs[slot]->name());
        order.moved.back() = std::make_unique<PairCode>(std::move(*code));
    }
    order.pairs = std::move(pairs);
    return order;
}

Result<> Chain::enter(unsigned bank, std::size_t slot, unsigned clone, int program) const {
    const auto index = WEIR_CHAIN_INDEX(bank, static_cast<std::uint32_t>(slot), clone);
    return map("weir_chain").update(&index, &program);
}

Result<> Chain::stage(ChainOrder order) {
    const unsigned idle = idle_bank();
    for (std::size_t slot = 0; slot < order.pairs.size(); ++slot) {
        for (const unsigned clone : {0U, 1U}) {
            const bpf::Program& entry = order.moved[slot]
                                            ? order.moved[slot]->clones.at(clone).entry
                                            : order.pairs[slot]->clone(clone).entry();
            if (auto r = enter(idle, slot, clone, entry.fd); !r) return wrap(r, "chain");
        }
    }
    leave_holes(idle, order.pairs.size());
    used_.at(idle) = order.pairs.size();
    staged_ = std::make_unique<ChainOrder>(std::move(order));
    return {};
}

void Chain::unstage() {
    if (std::exchange(staged_, nullptr)) leave_holes(idle_bank(), 0);
}

void Chain::commit(std::uint64_t slots) {
    const std::uint64_t before = this->word().load(std::memory_order_relaxed);
    std::uint64_t word = (before ^ 1ULL << WEIR_BANK_BIT) & 1ULL << WEIR_BANK_BIT;
    word |= std::uint64_t{staged_->pairs.size()} << WEIR_LENGTH_SHIFT;
    for (std::size_t slot = 0; slot < staged_->pairs.size(); ++slot) {
        const auto was = std::ranges::find(pairs_, staged_->pairs[slot]);
        if (was == pairs_.end()) continue;  // a new one begins with clone 0
        const auto old_slot = static_cast<std::size_t>(std::distance(pairs_.begin(), was));
        word |= (before >> old_slot & 1) << slot;
    }
    this->word().store(word ^ slots, std::memory_order_seq_cst);
    former_ = std::exchange(pairs_, std::move(staged_->pairs));
    arriving_ = std::move(staged_->moved);
    staged_.reset();
}

/// From `first` on the bank has no programs, so that those which nobody enters any more end. A hole
/// is a program too: an entry that is deleted makes the kernel wait for RCU once for each program
/// that jumps there (arch/x86/net/bpf_jit_comp.c:bpf_arch_poke_desc_update).
void Chain::leave_holes(unsigned bank, std::size_t first) {
    for (std::size_t slot = first; slot < used_.at(bank); ++slot)
        for (const unsigned clone : {0U, 1U}) (void)enter(bank, slot, clone, hole_.fd);
    used_.at(bank) = std::min(used_.at(bank), first);
}

void Chain::settle() {
    leave_holes(idle_bank(), 0);
    for (std::size_t slot = 0; slot < arriving_.size(); ++slot)
        if (arriving_[slot]) pairs_[slot]->take_code(std::move(*arriving_[slot]));
    arriving_.clear();
    former_.clear();
}

Result<Attachment> Chain::attach(bpf::IfIndex interface, const AttachOptions& options) {
    if (!is_tc(hook_)) return attach_xdp(interface, options);
    auto link = bpf::TcLink::attach(pivot(), interface, hook_);
    if (!link) return pass_on(link);
    link_ = std::move(*link);
    return Attachment{.mode = bpf::way(*link_), .notices = {}};
}

Result<Attachment> Chain::attach_xdp(bpf::IfIndex interface, const AttachOptions& options) {
    Attachment got{.mode = {}, .notices = {}};
    auto link = bpf::XdpLink::attach(pivot(), interface, options.mode);
    if (!link && is_mode_refused(link.error()) && options.mode != bpf::XdpMode::Skb) {
        if (options.is_strict) {
            return fail(Errc::Unsupported,
                        fmt::format("{} mode does not work on this interface ({})",
                                    bpf::xdp_mode_name(options.mode), link.error().message),
                        "without --strict-mode weir falls back to skb");
        }
        got.notices.push_back(fmt::format("{} mode does not work on this interface ({}); using skb",
                                          bpf::xdp_mode_name(options.mode), link.error().message));
        link = bpf::XdpLink::attach(pivot(), interface, bpf::XdpMode::Skb);
    }
    if (!link && link.error().code == Errc::Busy)
        return std::unexpected(describe_busy(interface, std::move(link).error()));
    if (!link) return pass_on(link);
    link_ = std::move(*link);
    got.mode = bpf::way(*link_);
    if (options.mode == bpf::XdpMode::Skb)
        if (std::string hint = faster_mode_hint(interface); !hint.empty())
            got.notices.push_back(std::move(hint));
    return got;
}

/// The word, in memory that is shared with the pivot.
std::atomic_ref<std::uint64_t> Chain::word() const {
    // SAFETY: the mapping is page-aligned and holds the 8 bytes of weir_word
    // (bpf/core/pivot.bpf.c).
    return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(word_.bytes().data()));
}

unsigned Chain::idle_bank() const {
    return static_cast<unsigned>(word().load(std::memory_order_relaxed) >> WEIR_BANK_BIT & 1) ^ 1;
}

void Chain::flip(std::uint64_t slots) { word().fetch_xor(slots, std::memory_order_seq_cst); }

unsigned Chain::active(std::size_t slot) const {
    return static_cast<unsigned>(word().load(std::memory_order_relaxed) >> slot & 1);
}

Result<HookCounts> Chain::counts() const {
    const bpf::Map& cpus = map("weir_cpus");
    std::vector<weir_cpu> per_cpu(cpus.lookup_bytes() / sizeof(weir_cpu));
    const std::uint32_t zero = 0;
    if (auto r = cpus.lookup(&zero, per_cpu.data()); !r) return wrap(r, "counters");
    HookCounts sum;
    for (const weir_cpu& cpu : per_cpu) {
        sum.tail_call_misses += cpu.misses;
        for (std::size_t i = 0; i < sum.of.size(); ++i) add(sum.of[i], cpu.counts[i]);
    }
    return sum;
}

}  // namespace weir

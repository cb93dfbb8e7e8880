// SPDX-License-Identifier: Apache-2.0
#include "chain/chain.h"

#include <fmt/format.h>

#include <atomic>
#include <random>

#include "probe/core_objects.h"
#include "util/clock.h"
#include "weir/abi.h"

namespace weir {
namespace {

std::string pivot_function(Hook hook) { return is_tc(hook) ? "weir_pivot_tc" : "weir_pivot_xdp"; }

Result<bpf::LoadedObject> load_pivot(Hook hook, bool with_frags) {
    auto object = bpf::Object::open(core::pivot(), "weir_pivot");
    if (!object) return pass_on(object);
    for (bpf::ProgramSpec& program : object->programs()) program.set_autoload(false);
    bpf::ProgramSpec* pivot = object->find_program(pivot_function(hook));
    pivot->set_autoload(true);
    if (auto r = pivot->make_for(hook, with_frags); !r) return pass_on(r);
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

}  // namespace

Chain::Chain(Hook hook, bpf::LoadedObject pivot, bpf::Program program, Mapping word,
             bool with_frags)
    : hook_(hook),
      pivot_(std::move(pivot)),
      program_(std::move(program)),
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
    auto program = pivot->program(pivot_function(hook));
    if (!program) return fail(Errc::Io, "pivot: not loaded");
    return Chain(hook, std::move(*pivot), std::move(*program), std::move(*word), with_frags);
}

SlotBinding Chain::next_binding() const {
    const auto slot = static_cast<std::uint32_t>(slots_.size());
    return {.chain = map("weir_chain"),
            .cpus = map("weir_cpus"),
            .hook = hook_,
            .slot = slot,
            .counters = {2 * slot, 2 * slot + 1},
            .with_frags = with_frags_,
            .epoch_base_ns = static_cast<std::uint64_t>(unix_offset_ns()),
            .flow_seed = random_seed()};
}

Result<> Chain::enter_programs(std::size_t slot, const ClonePair& pair) const {
    for (const unsigned bank : {0U, 1U}) {
        for (const unsigned clone : {0U, 1U}) {
            const auto index = WEIR_CHAIN_INDEX(bank, static_cast<std::uint32_t>(slot), clone);
            if (auto r = map("weir_chain").update(&index, &pair.clone(clone).entry().fd); !r)
                return r;
        }
    }
    return {};
}

Result<> Chain::append(ClonePair pair) {
    if (slots_.size() == WEIR_MAX_SLOTS)
        return fail(Errc::Invalid, fmt::format("a chain has {} slots at most", WEIR_MAX_SLOTS));
    if (!slots_.empty() && slots_.back()->ends_chain()) {
        return fail(Errc::Invalid,
                    fmt::format("{} is a foreign object and stands last: {} cannot stand behind it",
                                slots_.back()->name(), pair.name()));
    }
    if (auto r = enter_programs(slots_.size(), pair); !r) return wrap(r, "chain");
    slots_.push_back(std::make_unique<ClonePair>(std::move(pair)));
    // One store: packets enter the slot from here on.
    const std::uint64_t longer = word() + (1ULL << WEIR_LENGTH_SHIFT);
    std::atomic_ref<std::uint64_t>(word()).store(longer, std::memory_order_seq_cst);
    return {};
}

Result<Attachment> Chain::attach(bpf::IfIndex interface, const AttachOptions& options) {
    Attachment got{.mode = options.mode, .notices = {}};
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
        got.mode = bpf::XdpMode::Skb;
        link = bpf::XdpLink::attach(pivot(), interface, got.mode);
    }
    if (!link && link.error().code == Errc::Busy)
        return std::unexpected(describe_busy(interface, std::move(link).error()));
    if (!link) return pass_on(link);
    link_ = std::move(*link);
    if (options.mode == bpf::XdpMode::Skb)
        if (std::string hint = faster_mode_hint(interface); !hint.empty())
            got.notices.push_back(std::move(hint));
    return got;
}

std::uint64_t& Chain::word() const {
    // SAFETY: the mapping is page-aligned and holds the 8 bytes of weir_word
    // (bpf/core/pivot.bpf.c).
    return *reinterpret_cast<std::uint64_t*>(word_.bytes().data());
}

void Chain::flip(std::uint64_t slots) {
    std::atomic_ref<std::uint64_t>(word()).fetch_xor(slots, std::memory_order_seq_cst);
}

unsigned Chain::active(std::size_t slot) const {
    const auto now = std::atomic_ref<std::uint64_t>(word()).load(std::memory_order_relaxed);
    return static_cast<unsigned>(now >> slot & 1);
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

// SPDX-License-Identifier: Apache-2.0
#include "engine/changes.h"

#include <algorithm>
#include <utility>

#include "util/clock.h"

namespace weir {
namespace {

AttachOptions attach_options(const PolicyProbe& probe) {
    const auto mode = [&] {
        switch (probe.mode) {
            case AttachMode::Skb: return bpf::XdpMode::Skb;
            case AttachMode::Drv: return bpf::XdpMode::Drv;
            case AttachMode::Hw: return bpf::XdpMode::Hw;
        }
        return bpf::XdpMode::Skb;
    };
    return {.mode = mode(), .is_strict = probe.is_strict};
}

bool has_ended(const std::unique_ptr<RunningProbe>& probe) {
    return probe->window.is_closed && probe->session->worker().is_idle();
}

void leave(RunningProbe& probe, unsigned clone, Nanoseconds unix_ns) {
    probe.has_left = true;
    probe.left_in = clone;
    probe.window.left_unix_ns = unix_ns;
}

}  // namespace

Result<> Changes::put_in_force(std::vector<PlannedHook> planned, const ChangeOptions& options) {
    // What vanished since the plan was made has left already.
    std::erase_if(planned, [](const PlannedHook& p) { return p.hook->has_vanished; });
    auto done = stage(planned);
    if (done) done = attach(planned, options);
    if (!done) {
        for (const PlannedHook& p : planned) p.hook->chain.unstage();
        return done;
    }
    bool is_grace_due = false;
    for (PlannedHook& p : planned) {
        if (!p.is_new && p.changes_order) {
            is_grace_due = true;
            for (std::size_t slot = 0; slot < p.hook->probes.size(); ++slot)
                p.hook->probes[slot]->left_in = p.hook->chain.active(slot);  // if it leaves
            p.hook->chain.commit();
            take_over(p, monotonic_ns() + unix_offset_ns());
        } else {
            take_over(p, p.attached_ns + unix_offset_ns());
        }
    }
    if (!is_grace_due) return {};
    if (auto r = grace_.wait(); !r) return wrap(r, "grace");
    for (const PlannedHook& p : planned)
        if (!p.is_new) p.hook->chain.settle();
    return {};
}

/// All that can fail on hooks that are at work.
Result<> Changes::stage(std::vector<PlannedHook>& planned) {
    for (PlannedHook& p : planned) {
        if (!p.changes_order) continue;
        if (auto r = p.hook->chain.stage(std::move(p.order)); !r) return wrap(r, p.hook->name());
    }
    return {};
}

/// New hooks: no packet is there yet, so their order is in force before the first.
Result<> Changes::attach(std::vector<PlannedHook>& planned, const ChangeOptions& options) {
    std::uint64_t map_bytes = 0;
    bool is_any_new = false;
    for (const PlannedHook& p : planned) {
        if (!p.is_new) continue;
        is_any_new = true;
        p.hook->chain.commit();
        for (const PairPtr& pair : p.hook->chain.pairs()) map_bytes += pair->map_bytes();
    }
    if (is_any_new && options.before_attach) options.before_attach(map_bytes);
    for (PlannedHook& p : planned) {
        if (!p.is_new) continue;
        ProbedHook& hook = *p.hook;
        auto attached =
            hook.chain.attach(hook.interface.index, attach_options(p.probes.front().plan));
        if (!attached && !options.skips_busy_hooks)
            return wrap(attached, "attach " + hook.interface.name);
        p.attached_ns = monotonic_ns();
        if (!attached) {
            hook.has_vanished = true;
            if (options.on_notice) options.on_notice(hook.name() + ": " + attached.error().message);
            continue;
        }
        hook.mode = attached->mode;
        hook.notices = std::move(attached->notices);
    }
    std::erase_if(planned, [](const PlannedHook& p) { return p.is_new && p.hook->has_vanished; });
    return {};
}

void Changes::take_over(PlannedHook& planned, Nanoseconds unix_ns) {
    ProbedHook& hook = *planned.hook;
    std::vector<std::unique_ptr<RunningProbe>> former = std::exchange(hook.probes, {});
    for (PlannedProbe& probe : planned.probes) {
        if (probe.session) {
            const auto before = std::ranges::find_if(
                former, [&](const auto& f) { return f && f->plan.name == probe.plan.name; });
            hook.probes.push_back(start(std::move(probe), unix_ns));
            // A patch goes on counting windows: the one that is open now is the old code's last.
            if (before != former.end())
                hook.probes.back()->window.number = (*before)->window.number + 1;
            continue;
        }
        const auto stays =
            std::ranges::find_if(former, [&](const auto& f) { return f && f->pair == probe.pair; });
        update(**stays, std::move(probe.plan));
        hook.probes.push_back(std::move(*stays));
    }
    for (auto& probe : former) {
        if (!probe) continue;
        weir::leave(*probe, probe->left_in, unix_ns);
        hook.leaving.push_back(std::move(probe));
    }
    if (planned.is_new) hooks_.push_back(planned.hook);
}

std::unique_ptr<RunningProbe> Changes::start(PlannedProbe planned, Nanoseconds unix_ns) {
    auto probe = std::make_unique<RunningProbe>();
    probe->plan = std::move(planned.plan);
    probe->code_key = std::move(planned.code_key);
    probe->pair = std::move(planned.pair);
    probe->session = std::move(planned.session);
    probe->log = std::move(planned.log);
    probe->redirects = std::move(planned.redirects);
    choose_sink(*probe);
    windows_.open(*probe, unix_ns);
    return probe;
}

void Changes::update(RunningProbe& probe, PolicyProbe plan) {
    const PolicyProbe before = std::exchange(probe.plan, std::move(plan));
    if (before.window != probe.plan.window) windows_.set_period(probe);
    if (before.report != probe.plan.report) choose_sink(probe);
}

/// A window that is with the worker goes to the sink that it was given.
void Changes::choose_sink(RunningProbe& probe) {
    if (!sinks_.make) {
        probe.sink = sinks_.borrowed;
        return;
    }
    if (probe.own_sink) probe.former_sinks.push_back(std::move(probe.own_sink));
    probe.own_sink = sinks_.make(probe.plan);
    probe.sink = probe.own_sink.get();
}

void Changes::leave(ProbedHook& hook) {
    const Nanoseconds unix_ns = monotonic_ns() + unix_offset_ns();
    hook.has_vanished = true;
    for (std::size_t slot = 0; slot < hook.probes.size(); ++slot) {
        weir::leave(*hook.probes[slot], hook.chain.active(slot), unix_ns);
        hook.leaving.push_back(std::move(hook.probes[slot]));
    }
    hook.probes.clear();
}

void Changes::clean_up() {
    for (const HookPtr& hook : hooks_) std::erase_if(hook->leaving, has_ended);
    std::erase_if(
        hooks_, [](const HookPtr& hook) { return hook->probes.empty() && hook->leaving.empty(); });
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#include "engine/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "util/file.h"
#include "util/glob.h"
#include "util/hash.h"

namespace weir {
namespace {

/// Adds parts so that no two lists of them give the same text.
class Key {
public:
    Key& add(std::string_view part) {
        text_ += fmt::format("{}:{};", part.size(), part);
        return *this;
    }
    /// Name and content, as far as it can be read: what cannot is told when it is opened.
    void add_file(const std::string& path) {
        add(path);
        if (path.empty()) return;
        const auto bytes = read_bytes(path);
        add(bytes ? content_hash(*bytes) : "");
    }
    [[nodiscard]] std::string hash() const { return content_hash(text_); }

private:
    std::string text_;
};

/// All that goes into a probe but its place and what becomes of its windows.
std::string key_of(const PolicyProbe& p, const ProbeImage& image) {
    Key key;
    key.add(content_hash(image.elf)).add(image.entry).add(hook_name(image.hook));
    for (const Setting& s : image.settings) key.add(s.target).add(s.value);
    for (const auto* maps : {&image.maps.window, &image.maps.persist}) {
        key.add(std::to_string(maps->size()));
        for (const std::string& map : *maps) key.add(map);
    }
    key.add_file(p.extractor.file);
    key.add(p.extractor.model);
    key.add_file(p.model.file);
    if (!p.model.file.empty())
        key.add_file((std::filesystem::path(p.model.file).parent_path() / "model.toml").string());
    const ModelOptions& m = p.model;
    key.add(m.profile).add(m.threshold ? fmt::format("{}", *m.threshold) : "");
    key.add(fmt::format("{} {} {} {}", m.use_cuda, m.threads, m.max_alerts, m.lists_all));
    // Extractors and models are told the length of a window when they start.
    const bool knows_window = !p.extractor.file.empty() || !p.model.file.empty();
    key.add(knows_window ? std::to_string(p.window.count()) : "");
    return key.hash();
}

bool is_wanted_on(const PolicyProbe& probe, const std::string& interface) {
    return std::ranges::any_of(
        probe.interfaces, [&](const std::string& pattern) { return matches(pattern, interface); });
}

const StandingProbe* find_standing(const StandingHook* hook, const std::string& name) {
    if (hook == nullptr) return nullptr;
    const auto it = std::ranges::find(hook->probes, name, &StandingProbe::name);
    return it != hook->probes.end() ? &*it : nullptr;
}

/// One pivot has one mode.
Result<> check_modes(const std::string& place, const std::vector<const PolicyProbe*>& wanted) {
    for (const PolicyProbe* probe : wanted)
        if (probe->mode != wanted.front()->mode || probe->is_strict != wanted.front()->is_strict)
            return fail(Errc::Invalid,
                        fmt::format("{}: {} and {} want different modes", place,
                                    wanted.front()->name, probe->name),
                        "all probes of one interface share the program that is attached to it");
    return {};
}

/// What a person wants to read of a hook's new order.
void describe_changes(const StandingHook* standing, const PlannedHook& planned, Plan& plan) {
    const std::string place = planned.hook->name();
    std::set<std::string> names;
    for (std::size_t slot = 0; slot < planned.probes.size(); ++slot) {
        const PlannedProbe& probe = planned.probes[slot];
        names.insert(probe.plan.name);
        const bool was_there = find_standing(standing, probe.plan.name) != nullptr;
        if (probe.session)
            plan.changes.push_back(
                fmt::format("{}: {} {}", place, probe.plan.name, was_there ? "patched" : "added"));
        else if (planned.order.moved[slot])
            plan.changes.push_back(fmt::format("{}: {} moved", place, probe.plan.name));
    }
    if (standing == nullptr) return;
    for (const StandingProbe& probe : standing->probes)
        if (!names.contains(probe.name))
            plan.changes.push_back(fmt::format("{}: {} removed", place, probe.name));
}

}  // namespace

Result<const Planner::Built*> Planner::build(const PolicyProbe& probe, std::optional<Hook> hook) {
    // An image is for xdp or for tc, in either direction; -1: for what its program is for.
    const auto at = std::pair(probe.name, hook ? static_cast<int>(is_tc(*hook)) : -1);
    if (const auto it = built_.find(at); it != built_.end()) return &it->second;
    auto file = locate_probe(probe.probe.file, share_);
    if (!file) return wrap(file, "probe " + probe.name);
    file->name = probe.name;
    auto image = build_probe(probe.probe, std::move(*file), hook, share_);
    if (!image) return wrap(image, "probe " + probe.name);
    std::string key = key_of(probe, *image);
    return &built_.emplace(at, Built{.image = std::move(*image), .key = std::move(key)})
                .first->second;
}

Result<std::vector<Hook>> Planner::hooks_of(const PolicyProbe& probe) {
    if (!probe.hooks.empty()) return probe.hooks;
    auto built = build(probe, std::nullopt);
    if (!built) return pass_on(built);
    const Hook hook = (*built)->image.hook;
    built_.emplace(std::pair(probe.name, static_cast<int>(is_tc(hook))), **built);
    return std::vector{hook};
}

Result<std::map<Planner::Place, Planner::Wanted>> Planner::places(
    const Policy& policy, const std::vector<bpf::Interface>& interfaces) {
    std::map<Place, Wanted> places;
    for (const PolicyProbe& probe : policy.probes) {
        auto hooks = hooks_of(probe);
        if (!hooks) return pass_on(hooks);
        for (const Hook hook : *hooks)  // also where no interface is there yet: mistakes show now
            if (auto built = build(probe, hook); !built) return pass_on(built);
        for (const bpf::Interface& interface : interfaces)
            if (is_wanted_on(probe, interface.name))
                for (const Hook hook : *hooks) places[{interface.index, hook}].push_back(&probe);
    }
    for (auto& [place, wanted] : places)
        std::ranges::sort(wanted, [](const PolicyProbe* a, const PolicyProbe* b) {
            return std::pair(a->priority, a) < std::pair(b->priority, b);  // they lie in file order
        });
    return places;
}

Result<PlannedProbe> Planner::load(const PolicyProbe& probe, std::uint32_t slot,
                                   const ProbedHook& hook, const ClonePair* predecessor,
                                   Plan& plan) {
    auto built = build(probe, hook.chain.hook());
    if (!built) return pass_on(built);
    const FrameSource frames{.clock = ClockSource::Kernel,
                             .is_raw_ip = bpf::is_raw_ip(hook.interface.index).value_or(false),
                             .context = {.interface = hook.interface.name, .window = probe.window}};
    auto loaded = load_probe(
        (*built)->image, {.probe = probe.probe, .extractor = probe.extractor, .model = probe.model},
        {.chain = hook.chain,
         .slot = slot,
         .frames = frames,
         .predecessor = {.pair = predecessor, .may_drop_state = probe.may_drop_state}},
        share_);
    if (!loaded) return pass_on(loaded);
    for (std::string& notice : loaded->notices)
        if (std::ranges::find(plan.notices, notice) == plan.notices.end())
            plan.notices.push_back(std::move(notice));
    auto log = LogReader::open(*loaded->pair, {.on_log = on_log_});
    if (!log) return wrap(log, "probe " + probe.name);
    auto redirects = Redirects::open(*loaded->pair);
    if (!redirects) return wrap(redirects, "probe " + probe.name);
    return PlannedProbe{.plan = probe,
                        .code_key = (*built)->key,
                        .pair = std::move(loaded->pair),
                        .session = std::move(loaded->session),
                        .log = std::move(*log),
                        .redirects = std::make_unique<Redirects>(std::move(*redirects))};
}

Result<PlannedProbe> Planner::plan_probe(const PolicyProbe& probe, std::uint32_t slot,
                                         const ProbedHook& hook, const StandingHook* standing,
                                         Plan& plan) {
    auto built = build(probe, hook.chain.hook());
    if (!built) return pass_on(built);
    const StandingProbe* stands = find_standing(standing, probe.name);
    if (stands == nullptr) return load(probe, slot, hook, nullptr, plan);
    if (stands->code_key != (*built)->key) return load(probe, slot, hook, stands->pair.get(), plan);
    return PlannedProbe{.plan = probe, .code_key = stands->code_key, .pair = stands->pair};
}

Result<> Planner::plan_hook(const bpf::Interface& interface, Hook hook, const Wanted& wanted,
                            const StandingHook* standing, Plan& plan) {
    PlannedHook planned;
    planned.is_new = standing == nullptr;
    if (standing != nullptr) {
        planned.hook = standing->hook;
    } else {
        auto chain = Chain::create(hook);
        if (!chain) return pass_on(chain);
        planned.hook = std::make_shared<ProbedHook>(interface, std::move(*chain));
    }
    if (auto r = check_modes(planned.hook->name(), wanted); !r) return r;
    std::vector<PairPtr> pairs;
    for (const PolicyProbe* probe : wanted) {
        auto loaded = plan_probe(*probe, static_cast<std::uint32_t>(pairs.size()), *planned.hook,
                                 standing, plan);
        if (!loaded) return wrap(loaded, planned.hook->name());
        pairs.push_back(loaded->pair);
        planned.probes.push_back(std::move(*loaded));
    }
    auto order = planned.hook->chain.prepare(std::move(pairs));
    if (!order) return wrap(order, planned.hook->name());
    planned.order = std::move(*order);
    planned.changes_order = planned.is_new || planned.order.pairs != planned.hook->chain.pairs();
    describe_changes(standing, planned, plan);
    plan.hooks.push_back(std::move(planned));
    return {};
}

Result<Plan> Planner::prepare(const Policy& policy, const std::vector<bpf::Interface>& interfaces,
                              const std::vector<StandingHook>& standing) {
    built_.clear();
    Plan plan{.policy = policy, .hooks = {}, .notices = {}, .changes = {}};
    auto wanted = places(plan.policy, interfaces);
    if (!wanted) return pass_on(wanted);
    for (const StandingHook& s : standing)  // those that no probe is wanted on any more
        wanted->try_emplace({s.hook->interface.index, s.hook->chain.hook()});
    for (const auto& [place, probes] : *wanted) {
        const auto stands = std::ranges::find_if(standing, [&](const StandingHook& s) {
            return Place(s.hook->interface.index, s.hook->chain.hook()) == place;
        });
        const auto interface = std::ranges::find(interfaces, place.first, &bpf::Interface::index);
        const StandingHook* there = stands != standing.end() ? &*stands : nullptr;
        const bpf::Interface on = there != nullptr ? there->hook->interface : *interface;
        if (auto r = plan_hook(on, place.second, probes, there, plan); !r) return pass_on(r);
    }
    built_.clear();
    return plan;
}

}  // namespace weir

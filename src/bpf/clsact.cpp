// SPDX-License-Identifier: Apache-2.0
#include "bpf/clsact.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "bpf/features.h"
#include "bpf/filter_owner.h"
#include "bpf/inspect.h"
#include "bpf/tc_filters.h"
#include "util/errno.h"

namespace weir::bpf {
namespace {

// Behind what `tc filter add` takes when it is given no priority (0xC000).
constexpr std::uint32_t kFirstPriority = 0xC001;
constexpr std::uint32_t kLastPriority = 0xFFFF;
constexpr int kAttempts = 8;  // of adding a filter while others change the same list

/// While it lives, no other weir adds or removes filters in the network namespace of the socket:
/// "the qdisc is empty, remove it" takes two calls. Somebody who holds the lock of the namespace's
/// file for long for reasons of his own does not stop us. Died of, it is free.
class FiltersLock {
public:
    explicit FiltersLock(const Netlink& netlink) : network_(::ioctl(netlink.fd(), SIOCGSKNS)) {
        constexpr auto kPatience = std::chrono::seconds(2);
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (::flock(network_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK &&
               std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    // Closing is not enough: a child that fork()s now has the same open file.
    ~FiltersLock() { ::flock(network_.get(), LOCK_UN); }
    FiltersLock(const FiltersLock&) = delete;
    FiltersLock& operator=(const FiltersLock&) = delete;

private:
    UniqueFd network_;
};

bool is_in_same_list(const TcFilter& a, const TcFilter& b) {
    return a.hook == b.hook && a.chain == b.chain && a.info == b.info;
}

bool is_in_our_qdisc(const TcFilter& filter) {
    return filter.handle == kHandleInOurQdisc && parse_filter_name(filter.name).has_value();
}

/// Whether `filters` are all that is in the qdisc.
bool are_all(const std::vector<TcFilter>& filters, const std::vector<TcFilter>& present) {
    return std::ranges::all_of(present, [&](const TcFilter& one) {
        return std::ranges::any_of(filters, [&](const TcFilter& ours) {
            return is_in_same_list(one, ours) && (one.handle == 0 || one.handle == ours.handle);
        });
    });
}

struct Removal {
    std::vector<TcFilter> filters = {};
    bool is_with_qdisc = false;
};

/// Removes the filters of a qdisc that `is_ours` tells. With the qdisc where that is weir's and has
/// nothing else: by one call, so that a process that is killed meanwhile leaves no empty one, which
/// nobody could know for weir's.
Result<Removal> remove_filters(Netlink& netlink, const HookQdisc& qdisc,
                               const std::function<bool(const TcFilter&)>& is_ours) {
    const auto present = tc_filters(netlink, qdisc);
    if (!present) return std::unexpected(present.error());
    Removal removal;
    for (const TcFilter& one : *present)
        if (one.handle != 0 && is_ours(one)) removal.filters.push_back(one);
    if (removal.filters.empty()) return removal;
    removal.is_with_qdisc =
        std::ranges::any_of(removal.filters, is_in_our_qdisc) && are_all(removal.filters, *present);

    std::vector<NetlinkRequest> requests;
    if (removal.is_with_qdisc)
        requests.push_back(remove_clsact(qdisc.interface));
    else
        for (const TcFilter& one : removal.filters)
            requests.push_back(remove_filter(qdisc.interface, one));
    const auto answers = netlink.change(requests);
    if (!answers) return std::unexpected(answers.error());
    for (const auto& answer : *answers) {
        if (answer.error == ENOENT || answer.error == ENODEV) continue;  // somebody was quicker
        if (auto r = check(-answer.error, "remove filter"); !r) return pass_on(r);
    }
    return removal;
}

Result<std::optional<HookQdisc>> hook_qdisc(Netlink& netlink, IfIndex interface) {
    const auto all = hook_qdiscs(netlink);
    if (!all) return std::unexpected(all.error());
    const auto found = std::ranges::find(*all, interface, &HookQdisc::interface);
    return found == all->end() ? std::nullopt : std::optional(*found);
}

/// Where a filter that is added now goes.
struct Plan {
    bool makes_qdisc = false;
    TcFilter filter = {};
};

Result<Plan> plan_filter(Netlink& netlink, IfIndex interface, Hook hook) {
    const auto found = hook_qdisc(netlink, interface);
    if (!found) return std::unexpected(found.error());
    const std::optional<HookQdisc>& qdisc = *found;
    Plan plan{.makes_qdisc = !qdisc.has_value()};
    plan.filter.hook = hook;
    plan.filter.name = filter_name(own_filters());
    std::vector<TcFilter> present;
    if (qdisc) {
        if (qdisc->kind != "clsact" && hook == Hook::TcEgress) {
            return fail(Errc::Busy,
                        fmt::format("attach: the qdisc '{}', which has no {} hook, is where clsact "
                                    "would be",
                                    qdisc->kind, hook_name(hook)),
                        "remove it (tc qdisc del dev INTERFACE ingress) or use another hook");
        }
        auto filters = tc_filters(netlink, *qdisc);
        if (!filters) return pass_on(filters);
        present = std::move(*filters);
    }
    const bool is_ours = plan.makes_qdisc || std::ranges::any_of(present, is_in_our_qdisc);
    plan.filter.handle = is_ours ? kHandleInOurQdisc : kHandleInOtherQdisc;
    const auto is_taken = [&](std::uint32_t priority) {
        return std::ranges::any_of(present, [&](const TcFilter& one) {
            return one.hook == hook && one.priority() == priority;
        });
    };
    std::uint32_t priority = kFirstPriority;
    while (priority <= kLastPriority && is_taken(priority)) ++priority;
    if (priority > kLastPriority)
        return fail(Errc::Busy, fmt::format("attach: no priority is free on {}", hook_name(hook)));
    plan.filter.info = filter_info(priority);
    return plan;
}

Error refusal(const Netlink::Answer& answer) {
    // Of a kernel without clsact or BPF filters; that there is an interface was seen before.
    const bool is_unknown = answer.error == ENOENT;
    Error error{.code = is_unknown ? Errc::Unsupported : errc_from_errno(answer.error),
                .message = "attach: " + errno_name(answer.error)};
    if (!answer.words.empty()) error.message += fmt::format(" ({})", answer.words);
    constexpr std::array kNeeded = {Feature::Clsact};
    return explain(std::move(error), kNeeded);
}

/// False: others were quicker; everything is as it was, and the plan is out of date.
Result<bool> carry_out(Netlink& netlink, IfIndex interface, const Plan& plan, int program_fd) {
    std::vector<NetlinkRequest> requests;
    if (plan.makes_qdisc) requests.push_back(add_clsact(interface));
    requests.push_back(add_filter(interface, plan.filter, program_fd));
    const auto answers = netlink.change(requests);
    if (!answers) return std::unexpected(answers.error());
    const Netlink::Answer& qdisc = answers->front();
    const Netlink::Answer& filter = answers->back();
    const bool has_made_qdisc = plan.makes_qdisc && qdisc.error == 0;
    if (filter.error == 0 && (has_made_qdisc || !plan.makes_qdisc)) return true;

    std::vector<NetlinkRequest> undo;
    if (filter.error == 0) undo.push_back(remove_filter(interface, plan.filter));
    if (has_made_qdisc) undo.push_back(remove_clsact(interface));
    if (!undo.empty()) (void)netlink.change(undo);
    if (plan.makes_qdisc && qdisc.error == EEXIST) return false;
    if (filter.error == EEXIST) return false;
    return std::unexpected(refusal(plan.makes_qdisc && qdisc.error != 0 ? qdisc : filter));
}

}  // namespace

struct ClsactFilter::Placed {
    Netlink netlink;
    IfIndex interface{};
    TcFilter filter;  // with its program: what is in its place later may be another's
    pid_t owner = 0;
};

Result<ClsactFilter> ClsactFilter::attach(const Program& program, IfIndex interface, Hook hook) {
    if (auto name = interface_name(interface); !name) return pass_on(name);
    const auto facts = program_facts(program);
    if (!facts) return std::unexpected(facts.error());
    auto netlink = Netlink::open();
    if (!netlink) return pass_on(netlink);
    const FiltersLock lock(*netlink);
    for (int i = 0; i < kAttempts; ++i) {
        auto plan = plan_filter(*netlink, interface, hook);
        if (!plan) return pass_on(plan);
        const auto done = carry_out(*netlink, interface, *plan, program.fd);
        if (!done) return std::unexpected(done.error());
        if (!*done) continue;
        plan->filter.program_id = facts->id;
        return ClsactFilter(
            std::unique_ptr<Placed, Remove>(new Placed{.netlink = std::move(*netlink),
                                                       .interface = interface,
                                                       .filter = std::move(plan->filter),
                                                       .owner = ::getpid()}));
    }
    return fail(Errc::Busy, "attach: the filters of the hook change faster than one can be added");
}

bool ClsactFilter::is_attached() const {
    const auto found = hook_qdisc(placed_->netlink, placed_->interface);
    if (!found) return false;
    const std::optional<HookQdisc>& qdisc = *found;
    if (!qdisc) return false;
    const auto present = tc_filters(placed_->netlink, *qdisc);
    return present && std::ranges::find(*present, placed_->filter) != present->end();
}

int ClsactFilter::fd() const { return placed_->netlink.fd(); }

void ClsactFilter::Remove::operator()(Placed* placed) const noexcept {
    const std::unique_ptr<Placed> owned(placed);
    if (owned->owner != ::getpid()) return;
    const FiltersLock lock(owned->netlink);
    const auto found = hook_qdisc(owned->netlink, owned->interface);
    if (!found) return;
    const std::optional<HookQdisc>& qdisc = *found;
    if (!qdisc) return;
    // Nobody is there to be told of an error; what stays goes with the next start.
    (void)remove_filters(owned->netlink, *qdisc,
                         [&](const TcFilter& one) { return one == owned->filter; });
}

Result<std::vector<std::string>> remove_dead_filters() {
    auto netlink = Netlink::open();
    if (!netlink) return pass_on(netlink);
    const FiltersLock lock(*netlink);
    const auto qdiscs = hook_qdiscs(*netlink);
    if (!qdiscs) return std::unexpected(qdiscs.error());
    std::vector<std::string> lines;
    for (const HookQdisc& qdisc : *qdiscs) {
        const auto name = interface_name(qdisc.interface);
        const std::string where = name ? *name : std::to_string(number(qdisc.interface));
        auto removal = remove_filters(*netlink, qdisc, [](const TcFilter& one) {
            const auto owner = parse_filter_name(one.name);
            return owner && is_dead(*owner);
        });
        if (!removal) return wrap(removal, where);
        for (const TcFilter& one : removal->filters) {
            const auto owner = parse_filter_name(one.name).value_or(FilterOwner{});
            lines.push_back(fmt::format("{}: removed the {} filter of process {}, which has ended",
                                        where, hook_name(one.hook), owner.pid));
        }
    }
    return lines;
}

}  // namespace weir::bpf

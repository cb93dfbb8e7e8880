// SPDX-License-Identifier: Apache-2.0
#include "chain/grace.h"

#include <sched.h>
#include <sys/utsname.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "util/env.h"
#include "util/file.h"

namespace weir {
namespace {

/// "0-3,8" as /sys writes it; nothing if it is not of that form.
std::optional<cpu_set_t> parse_cpus(const std::string& text) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    const char* at = text.c_str();
    const char* const end = at + text.size();
    while (at != end && *at != '\n') {
        unsigned first = 0;
        const auto [stop, error] = std::from_chars(at, end, first);
        if (error != std::errc()) return std::nullopt;
        unsigned last = first;
        at = stop;
        if (at != end && *at == '-') {
            const auto range = std::from_chars(at + 1, end, last);
            if (range.ec != std::errc()) return std::nullopt;
            at = range.ptr;
        }
        if (last >= CPU_SETSIZE) return std::nullopt;
        for (unsigned cpu = first; cpu <= last; ++cpu) CPU_SET(cpu, &cpus);
        if (at != end && *at == ',') ++at;
    }
    return cpus;
}

std::optional<cpu_set_t> online_cpus() {
    const auto text = read_text("/sys/devices/system/cpu/online");
    return text ? parse_cpus(*text) : std::nullopt;
}

bool is_realtime_kernel() {
    utsname name{};
    return uname(&name) == 0 && std::string_view(name.version).contains("PREEMPT_RT");
}

/// Runs once on each online CPU. False: some CPU is out of reach (cpuset, more than 1,024 CPUs).
bool visit_every_cpu() {
    const auto online = online_cpus();
    cpu_set_t before;
    if (!online || sched_getaffinity(0, sizeof(before), &before) != 0) return false;
    bool visited = true;
    for (int cpu = 0; cpu < CPU_SETSIZE && visited; ++cpu) {
        if (!CPU_ISSET(cpu, &*online)) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        // KERNEL: kernel/sched/core.c:__set_cpus_allowed_ptr returns when this thread runs on an
        // allowed CPU.
        visited = sched_setaffinity(0, sizeof(one), &one) == 0 && sched_getcpu() == cpu;
    }
    sched_setaffinity(0, sizeof(before), &before);
    return visited;
}

}  // namespace

Result<Grace> Grace::create(GraceMethod method) {
    auto barrier = bpf::RcuBarrier::create();
    if (!barrier) return wrap(barrier, "grace period");
    if (method == GraceMethod::Auto) {
        const bool may_visit = !is_realtime_kernel() && !is_disabled("visit") && visit_every_cpu();
        method = may_visit ? GraceMethod::VisitCpus : GraceMethod::MapInMap;
    }
    return Grace(method, std::move(*barrier));
}

Result<> Grace::wait() {
    if (method_ == GraceMethod::None) return {};
    if (method_ == GraceMethod::VisitCpus && visit_every_cpu()) return {};
    return barrier_.wait();
}

}  // namespace weir

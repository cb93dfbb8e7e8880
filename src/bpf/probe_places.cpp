// SPDX-License-Identifier: Apache-2.0
#include "bpf/probe_places.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>
#include <thread>

#include "bpf/capture.h"
#include "util/errno.h"
#include "util/fd.h"
#include "util/file.h"

namespace weir::bpf {
namespace {

using State = Outcome::State;

Outcome not_tried(std::string what) { return {.state = State::NotTried, .what = std::move(what)}; }

Outcome enter_and_call(const std::function<Outcome(int)>& f) {
    const LogCapture quiet;
    if (::unshare(CLONE_NEWNET) != 0) {
        const int number = errno;
        const State state = number == EPERM ? State::NotTried : State::Missing;
        const std::string_view hint = number == EPERM ? " (needs CAP_SYS_ADMIN)" : "";
        return {.state = state,
                .what = fmt::format("private network namespace: {}{}", errno_name(number), hint)};
    }
    const unsigned loopback = if_nametoindex("lo");
    if (loopback == 0) return not_tried("the private network namespace has no loopback");
    return f(static_cast<int>(loopback));
}

Outcome visit(const std::vector<unsigned>& cpus) {
    for (const unsigned cpu : cpus) {
        if (cpu >= CPU_SETSIZE) return not_tried(fmt::format("CPU {} is beyond cpu_set_t", cpu));
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        // Thread 0 is the calling one; on return it runs there.
        if (::sched_setaffinity(0, sizeof one, &one) != 0) {
            return {.state = State::Missing,
                    .what = fmt::format("CPU {} may not be used: {}", cpu, errno_name(errno))};
        }
    }
    return {.state = State::Works,
            .what = fmt::format("ran on {} CPU{}", cpus.size(), cpus.size() == 1 ? "" : "s")};
}

bool is_preempt_rt() {
    utsname names{};
    if (::uname(&names) != 0) return false;
    return std::string_view(names.version).contains("PREEMPT_RT");
}

}  // namespace

Outcome in_private_network(const std::function<Outcome(int interface)>& f) {
    Outcome outcome;
    std::thread([&] { outcome = enter_and_call(f); }).join();
    return outcome;
}

Outcome probe_kernel_btf() {
    constexpr const char* kPath = "/sys/kernel/btf/vmlinux";
    constexpr std::uint16_t kMagic = 0xEB9F;
    const UniqueFd file(::open(kPath, O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
        const State state = errno == EPERM || errno == EACCES ? State::Denied : State::Missing;
        return {.state = state, .what = fmt::format("{}: {}", kPath, errno_name(errno))};
    }
    std::uint16_t magic = 0;
    if (::read(file.get(), &magic, sizeof magic) != sizeof magic || magic != kMagic) {
        return {.state = State::Missing, .what = fmt::format("{} is not BTF", kPath)};
    }
    return {.state = State::Works, .what = kPath};
}

Outcome probe_visit_cpus() {
    if (is_preempt_rt()) {
        return {.state = State::Missing, .what = "PREEMPT_RT: a program may be preempted"};
    }
    auto online = read_text("/sys/devices/system/cpu/online");
    if (!online) return not_tried(online.error().message);
    const std::vector<unsigned> cpus = parse_cpu_list(*online);
    if (cpus.empty()) return not_tried("the list of online CPUs cannot be read");
    Outcome outcome;
    std::thread([&] { outcome = visit(cpus); }).join();
    return outcome;
}

std::vector<unsigned> parse_cpu_list(std::string_view text) {
    std::vector<unsigned> cpus;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end && *at != '\n') {
        unsigned first = 0;
        auto parsed = std::from_chars(at, end, first);
        if (parsed.ec != std::errc{}) return {};
        unsigned last = first;
        if (parsed.ptr < end && *parsed.ptr == '-') {
            parsed = std::from_chars(parsed.ptr + 1, end, last);
            if (parsed.ec != std::errc{} || last < first) return {};
        }
        for (unsigned cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
        at = parsed.ptr;
        if (at < end && *at == ',') ++at;
    }
    return cpus;
}

}  // namespace weir::bpf

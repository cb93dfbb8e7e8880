// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "util/errno.h"

namespace weir::cli {
namespace {

constexpr int kSecondSignal = 130;

// What the handler may touch: lock-free atomics and async-signal-safe calls.
std::atomic<int> stop_fd = -1;
std::atomic<bool> is_armed = false;
std::atomic<bool> was_asked = false;

void on_signal(int) {
    if (!is_armed || was_asked.exchange(true)) ::_exit(kSecondSignal);
    const eventfd_t one = 1;
    (void)!::write(stop_fd, &one, sizeof(one));
}

}  // namespace

Result<StopSignal> StopSignal::install() {
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (auto r = check_errno(fd.get(), "eventfd"); !r) return pass_on(r);
    stop_fd = fd.get();
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM})
        if (auto r = check_errno(::sigaction(number, &action, nullptr), "sigaction"); !r)
            return pass_on(r);
    // A reader that goes away (weir ... | head) is an error of write(), not the end of the process.
    ::signal(SIGPIPE, SIG_IGN);
    return StopSignal(std::move(fd));
}

void StopSignal::arm() { is_armed = true; }

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#include "util/thread_scope.h"

#include <fcntl.h>

#include "util/errno.h"

namespace weir {

Result<EmptyNetwork> EmptyNetwork::enter() {
    UniqueFd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (auto r = check_errno(home.get(), "network namespace"); !r) return pass_on(r);
    if (auto r = check_errno(::unshare(CLONE_NEWNET), "a network namespace of its own"); !r)
        return pass_on(r);
    return EmptyNetwork(std::move(home));
}

EmptyNetwork::~EmptyNetwork() {
    if (home_.is_open()) (void)::setns(home_.get(), CLONE_NEWNET);
}

OneCpu::OneCpu() {
    if (::sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
    std::size_t lowest = 0;
    while (lowest < CPU_SETSIZE && !CPU_ISSET(lowest, &before_)) ++lowest;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(lowest, &one);
    is_pinned_ = ::sched_setaffinity(0, sizeof(one), &one) == 0;
}

OneCpu::~OneCpu() {
    if (is_pinned_) (void)::sched_setaffinity(0, sizeof(before_), &before_);
}

}  // namespace weir

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the calling thread is for a while: alone in an empty network, or on one CPU. Destroyed, it
// is what it was before.
//
//     auto network = EmptyNetwork::enter();
//     if (!network) notice(network.error().message);
//
// Thread rule: made and destroyed on the same thread; threads that it starts meanwhile inherit
// both.
#include <sched.h>

#include "util/fd.h"
#include "weir/result.h"

namespace weir {

class [[nodiscard("destroying it leads the thread back")]] EmptyNetwork {
public:
    /// Moves the thread into a network namespace of its own, with nothing but a loopback that is
    /// down. Errors: Permission (it takes CAP_SYS_ADMIN); the thread is where it was.
    static Result<EmptyNetwork> enter();
    EmptyNetwork(EmptyNetwork&&) = default;
    EmptyNetwork& operator=(EmptyNetwork&&) = delete;
    EmptyNetwork(const EmptyNetwork&) = delete;
    EmptyNetwork& operator=(const EmptyNetwork&) = delete;
    /// A thread that gave CAP_SYS_ADMIN up since stays where it is.
    ~EmptyNetwork();

private:
    explicit EmptyNetwork(UniqueFd home) : home_(std::move(home)) {}
    UniqueFd home_;
};

/// On the lowest CPU that the thread may use, so that per-CPU maps are filled alike in every run.
class OneCpu {
public:
    OneCpu();
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;
    ~OneCpu();

private:
    cpu_set_t before_{};
    bool is_pinned_ = false;
};

}  // namespace weir

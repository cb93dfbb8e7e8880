// SPDX-License-Identifier: Apache-2.0
#include "util/fork_guard.h"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

namespace weir {
namespace {

constexpr int kFree = 0;     // standard input is nobody's link
constexpr int kPlaces = 64;  // one a link; those beyond are closed by exec only

/// Atomics alone: the child of a process with threads may lock nothing.
std::array<std::atomic<int>, kPlaces>& guarded() {
    static std::array<std::atomic<int>, kPlaces> places;
    return places;
}

void close_in_child() {
    for (auto& place : guarded())
        if (const int fd = place.exchange(kFree); fd != kFree) ::close(fd);
}

}  // namespace

ForkGuard::ForkGuard(int fd) {
    static const int registered = ::pthread_atfork(nullptr, nullptr, close_in_child);
    (void)registered;
    for (int i = 0; i < kPlaces && place_ < 0; ++i) {
        int expected = kFree;
        if (guarded()[static_cast<std::size_t>(i)].compare_exchange_strong(expected, fd))
            place_ = i;
    }
}

ForkGuard::ForkGuard(ForkGuard&& o) noexcept : place_(std::exchange(o.place_, -1)) {}

ForkGuard& ForkGuard::operator=(ForkGuard&& o) noexcept {
    std::swap(place_, o.place_);
    return *this;
}

ForkGuard::~ForkGuard() {
    if (place_ >= 0) guarded()[static_cast<std::size_t>(place_)].store(kFree);
}

}  // namespace weir

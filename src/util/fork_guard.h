// SPDX-License-Identifier: Apache-2.0
#pragma once
// Descriptors that no child may have: one that fork()s and does not exec (an extractor's worker
// pool) would else keep a program on its interface after weir is gone.
//
//     ForkGuard guard(fd.get());        // while it lives, children close their copy
//
// Ownership: borrows the descriptor. Thread-safe.

namespace weir {

class ForkGuard {
public:
    ForkGuard() = default;
    explicit ForkGuard(int fd);
    ForkGuard(ForkGuard&& o) noexcept;
    ForkGuard& operator=(ForkGuard&& o) noexcept;
    ForkGuard(const ForkGuard&) = delete;
    ForkGuard& operator=(const ForkGuard&) = delete;
    ~ForkGuard();

private:
    int place_ = -1;
};

}  // namespace weir

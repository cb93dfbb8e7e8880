// SPDX-License-Identifier: Apache-2.0
#pragma once
// SIGINT and SIGTERM: the first asks for a clean end (a descriptor becomes readable), a second
// leaves at once with 130. The kernel then detaches the probe, since links are descriptors. Thread
// rule: installed once, by the main thread.
#include "util/fd.h"
#include "weir/result.h"

namespace weir::cli {

class StopSignal {
public:
    /// Until armed, the first signal already leaves with 130: there is no window to close yet.
    [[nodiscard]] static Result<StopSignal> install();
    void arm();
    [[nodiscard]] int fd() const { return fd_.get(); }  ///< borrowed

private:
    explicit StopSignal(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace weir::cli

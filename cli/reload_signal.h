// SPDX-License-Identifier: Apache-2.0
#pragma once
// Says when a policy is to be read again: SIGHUP, or a watched file with another content.
// Ownership: owns its descriptors; SIGHUP stays caught. Thread rule: installed once; take() and
// watch() on one thread at a time; fd() may be polled from another.
#include <filesystem>
#include <optional>
#include <vector>

#include "util/fd.h"
#include "util/file_watch.h"
#include "weir/result.h"

namespace weir::cli {

class ReloadSignal {
public:
    /// Errors: Io.
    [[nodiscard]] static Result<ReloadSignal> install();

    /// Watches these files and no others. Errors: Io.
    [[nodiscard]] Result<> watch(const std::vector<std::filesystem::path>& files);

    /// Readable on SIGHUP, and when something happened where a watched file is. Borrowed.
    [[nodiscard]] int fd() const { return both_.get(); }

    /// Whether there was a SIGHUP or a file has another content; fd() is not readable any more.
    /// Errors: Io. Cost: with watched files 100 ms at least (util/file_watch.h).
    [[nodiscard]] Result<bool> take();

private:
    ReloadSignal(UniqueFd asked, UniqueFd both)
        : asked_(std::move(asked)), both_(std::move(both)) {}

    UniqueFd asked_;  // an eventfd that the handler writes
    UniqueFd both_;   // an epoll descriptor of it and of the files
    std::optional<FileWatch> files_;
};

}  // namespace weir::cli

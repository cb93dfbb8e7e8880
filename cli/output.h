// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where windows go (standard output or --output FILE) and how people are told of errors (standard
// error). Thread-safe. Ownership: copies of an Output write to one descriptor.
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "util/fd.h"
#include "util/fork_guard.h"
#include "weir/log.h"
#include "weir/result.h"

namespace weir::cli {

class Output {
public:
    /// Empty path: standard output. Errors: Io.
    [[nodiscard]] static Result<Output> open(const std::string& path);

    /// Writes all of it; nothing that others write comes in between. Errors: Io (disk full, reader
    /// gone).
    [[nodiscard]] Result<> write(std::string_view text) const;
    [[nodiscard]] bool is_terminal() const;

private:
    struct Target {
        explicit Target(UniqueFd opened) : fd(std::move(opened)), guard(fd.get()) {}
        UniqueFd fd;
        ForkGuard guard;  // a child would keep the reader waiting for the end
        std::mutex mutex;
    };
    explicit Output(UniqueFd fd) : target_(std::make_shared<Target>(std::move(fd))) {}
    std::shared_ptr<Target> target_;
};

/// From here on what anybody prints to standard output (an extractor, its children) goes to
/// standard error: an Output that is open already has it to itself.
void leave_standard_output();

/// "weir: MESSAGE", the log with `verbose`, then "hint: ..." where there is one. Returns the exit
/// code.
int print_error(const Error& error, bool verbose);
/// "weir: note: MESSAGE"
void print_notice(std::string_view message);
/// "weir: info: PROBE cpu 1 12:00:01.123456: TEXT", in local time.
void print_log(const LogRecord& record);

}  // namespace weir::cli

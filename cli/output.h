// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where windows go (standard output or --output FILE) and how people are told of errors (standard
// error). Thread rule: an Output belongs to one probe's worker; print_* may be called from any
// thread.
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

    /// Writes all of it. Errors: Io (disk full, reader gone).
    [[nodiscard]] Result<> write(std::string_view text) const;
    [[nodiscard]] bool is_terminal() const;

private:
    explicit Output(UniqueFd fd) : fd_(std::move(fd)), guard_(fd_.get()) {}
    UniqueFd fd_;
    ForkGuard guard_;  // a child would keep the reader waiting for the end
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

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a child process to its end and keeps what it printed.
//
//     auto child = run_process({.argv = {"/usr/bin/clang", "-E", "-"}, .input = text});
//
// The child reads and writes anonymous memory files, never pipes: neither side can wait for the
// other. It starts with an empty signal mask and is killed when the calling thread dies. Ownership:
// plain values. Thread-safe.
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.h"

namespace weir {

struct ProcessOptions {
    std::vector<std::string> argv;  // argv[0] is a path; PATH is not searched
    std::string_view input = {};    // the child's stdin
};

struct ProcessOutput {
    int exit_status = 0;  // as a shell counts: 128 + N when killed by signal N
    std::string out;
    std::string err;
};

/// Errors: NotFound, Permission (argv[0] cannot be executed), Io. A child that fails is not an
/// error. Cost: blocks until the child ends.
[[nodiscard]] Result<ProcessOutput> run_process(const ProcessOptions& options);

}  // namespace weir

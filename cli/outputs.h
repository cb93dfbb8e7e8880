// SPDX-License-Identifier: Apache-2.0
#pragma once
// The files that the probes of a policy write their windows to. Each is opened once and kept over
// reloads, so that a reload cuts nothing off. Ownership: owns the files. Thread-safe.
#include <map>
#include <mutex>
#include <string>

#include "cli/output.h"
#include "weir/policy.h"
#include "weir/result.h"

namespace weir::cli {

class Outputs {
public:
    /// Standard output is one of them. Errors: Io.
    [[nodiscard]] static Result<Outputs> create();

    /// Opens those of the policy that are not open; what was in a file is lost, as with --output.
    /// Errors: Io, with the file.
    [[nodiscard]] Result<> open(const Policy& policy);

    /// That of a path that was opened; else standard output.
    [[nodiscard]] Output at(const std::string& path) const;

private:
    Outputs() : mutex_(std::make_unique<std::mutex>()) {}

    std::unique_ptr<std::mutex> mutex_;
    std::map<std::string, Output> open_;  // by path without detours; standard output: ""
};

}  // namespace weir::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a program of ours once, from user space. Pure calls; thread-safe.
// Source: kernel/bpf/syscall.c:bpf_prog_test_run_syscall (5.14),
// net/bpf/test_run.c:bpf_prog_test_run_raw_tp (5.10).
#include <array>
#include <cstdint>

#include "bpf/object.h"
#include "weir/result.h"

namespace weir::bpf {

/// A `syscall` or `raw_tp` program, which sees `arguments` as its context. Returns what it returns.
/// Errors: Unsupported, Permission, Invalid (another type of program).
[[nodiscard]] Result<std::uint32_t> run(const Program& program,
                                        std::array<std::uint64_t, 2> arguments);

}  // namespace weir::bpf

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs an XDP or tc program on packets from memory (BPF_PROG_TEST_RUN): no interface, no traffic;
// what the program writes into maps stays, what it says of the packet goes nowhere.
//
//     bpf::TestRun runs(chain.pivot());
//     auto outcome = runs.run(frame);
//
// Ownership: borrows the program's descriptor. Thread rule: one thread; the program runs on its
// CPU. Kernel: 5.15; frames over about 3.5 kB since 5.18.
#include <cstddef>
#include <span>

#include "bpf/object.h"
#include "weir/result.h"

namespace weir::bpf {

class TestRun {
public:
    enum class Outcome {
        Ran,
        TooShort,  // no whole Ethernet header; on tc, none of IP either (the kernel says so)
        TooLong,   // more than the kernel has buffers for (docs/kernel.md)
    };
    static constexpr std::size_t kMinBytes = 14;

    explicit TestRun(const Program& program) : fd_(program.fd) {}

    /// Runs the program once. Errors: as errno says.
    /// Cost: 1.2 us, most of it the kernel's buffer for the frame.
    [[nodiscard]] Result<Outcome> run(std::span<const std::byte> frame) const;

private:
    int fd_;
};

}  // namespace weir::bpf

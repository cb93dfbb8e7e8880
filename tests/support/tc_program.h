// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the tests of tc hooks: a program that counts the test's own frames, and those frames.
//
//     test::TcProgram counter;
//     auto link = bpf::TcLink::attach(counter.program(), v0, Hook::TcIngress);
//     test::send_frames(v1, 100);
//     EXPECT_EQ(counter.wait_for(100), 100);
//
// Ownership: a TcProgram owns its program. Thread rule: one thread.
#include <cstdint>

#include "bpf/interface.h"
#include "bpf/object.h"

namespace weir::test {

constexpr int kGoOn = -1;  // TC_ACT_UNSPEC
constexpr int kDrop = 2;   // TC_ACT_SHOT

class TcProgram {
public:
    /// Fails the test where it cannot be loaded.
    explicit TcProgram(int verdict = kGoOn);

    [[nodiscard]] bpf::Program program() const;
    [[nodiscard]] std::uint64_t frames() const;
    /// What has been counted when it is that many, or after some seconds.
    [[nodiscard]] std::uint64_t wait_for(std::uint64_t frames) const;

private:
    bpf::LoadedObject object_;
};

/// Gives the interface so many frames to send, one by one.
void send_frames(bpf::IfIndex interface, unsigned frames);

}  // namespace weir::test

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Real load on one machine: a private network namespace with a veth pair, and frames pushed through
// the kernel's receive path into driver-mode XDP (BPF_F_TEST_XDP_LIVE_FRAMES), 5 to 11 million a
// second.
//
//     test::PrivateNetwork network;                    // the calling process is alone from here on
//     test::LiveTraffic traffic(network.sender());
//     traffic.send(1'000'000);                         // arrives at network.receiver()
//
// Ownership: the namespace dies with the PrivateNetwork. Thread rule: make both before other
// threads start.
#include <atomic>
#include <cstdint>
#include <string>

#include "bpf/interface.h"
#include "bpf/object.h"
#include "util/fd.h"

namespace weir::test {

class PrivateNetwork {
public:
    /// Moves the process into a new network namespace with vtx -- vrx, both up, no IPv6, no ARP.
    /// Fails the test where it may not.
    PrivateNetwork();
    /// Back to where the process was; the namespace and its interfaces are gone.
    ~PrivateNetwork();
    PrivateNetwork(const PrivateNetwork&) = delete;
    PrivateNetwork& operator=(const PrivateNetwork&) = delete;
    [[nodiscard]] bpf::IfIndex sender() const { return sender_; }
    [[nodiscard]] bpf::IfIndex receiver() const { return receiver_; }
    static constexpr const char* kReceiver = "vrx";

private:
    UniqueFd home_;
    bpf::IfIndex sender_{};
    bpf::IfIndex receiver_{};
};

class LiveTraffic {
public:
    explicit LiveTraffic(bpf::IfIndex sender);
    /// Gives the interface so many frames, at full speed. Returns how many it sent: all but those
    /// that it dropped because its peer's ring was full (a busy machine; the interface counts
    /// them).
    std::uint64_t send(std::uint32_t frames);
    /// Sends batches until told to stop; returns the sum.
    std::uint64_t send_until(const std::atomic<bool>& stop, std::uint32_t batch = 4096);

private:
    bpf::LoadedObject object_;
    bpf::IfIndex sender_;
};

/// An object that tests/CMakeLists.txt built from tests/fixtures/NAME.bpf.c.
[[nodiscard]] std::string fixture_path(const std::string& name);

/// Runs a command; fails the test when it fails.
void run_command(const std::string& command);

}  // namespace weir::test

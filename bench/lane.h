// SPDX-License-Identifier: Apache-2.0
#pragma once
// Real load: frames pushed through the kernel's receive path into driver-mode XDP on a veth pair
// (BPF_F_TEST_XDP_LIVE_FRAMES), in a network namespace of the process's own.
//
//     enter_private_network();                  // once, before everything else
//     Lane lane("a");
//     attach to lane.receiver();
//     double pps = lane.packets_per_second(generator_fd, 1'000'000);
//
// Ownership: a lane's interfaces die with the process's namespace. Thread rule: one thread.
#include <cstdint>
#include <string>

#include "bpf/interface.h"

namespace weir::bench {

/// A network namespace of the process's own; ends the process where it may not.
void enter_private_network();

class Lane {
public:
    /// A veth pair, up, without IPv6 and ARP. `name`: one letter.
    explicit Lane(const std::string& name);
    [[nodiscard]] bpf::IfIndex receiver() const;

    /// What the receiver takes a second while the generator sends so many frames at full speed.
    /// Frames that a full ring dropped are not counted: the sender paid for them all the same.
    [[nodiscard]] double packets_per_second(int generator_fd, std::uint32_t frames) const;
    /// Frames that the receiving end has got since it exists.
    [[nodiscard]] std::uint64_t received() const;

private:
    std::string sender_, receiver_;
};

}  // namespace weir::bench

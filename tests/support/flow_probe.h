// SPDX-License-Identifier: Apache-2.0
#pragma once
// A probe with a flow tensor in a chain, run on packets from memory: windows are closed by hand,
// the clock is what the test says.
//
//     auto probe = test::load_flow_probe({.settings = {{"max_flows", "64"}}});
//     ASSERT_NE(probe, nullptr);
//     probe->run(frame);
//     const Window& window = probe->close();
//     const test::Flows flows = test::flows_of(window);
//     probe->clear();
//
// Ownership: owns chain and session. Thread rule: one thread, but pivot_fd() may be run by any.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/chain.h"
#include "engine/session.h"
#include "probe/image.h"
#include "probe/replay_clock.h"
#include "support/capture_file.h"
#include "table/table.h"

namespace weir::test {

struct FlowProbeOptions {
    std::vector<Setting> settings = {{.target = "max_flows", .value = "1k"}};  // loads at once
    Hook hook = Hook::Xdp;
    bool is_raw_ip = false;
    bool is_replay = true;  // the clock is set_clock()'s
};

class FlowProbe {
public:
    FlowProbe(Chain chain, std::optional<ReplayClock> clock);
    /// Runs the pivot; returns what became of the packet.
    std::uint32_t run(const Bytes& frame);
    void set_clock(std::int64_t now) { clock_->set(now); }
    /// Flips and reads. Packets enter the other clone from here on.
    const Window& close();
    /// Gives the clone that was read back.
    void clear();
    [[nodiscard]] int pivot_fd() const { return chain_.pivot().fd; }
    [[nodiscard]] const ClonePair& pair() const { return chain_.pair(0); }
    [[nodiscard]] unsigned retired() const { return chain_.active(0) ^ 1; }

private:
    Chain chain_;
    std::optional<ReplayClock> clock_;
    std::unique_ptr<ProbeSession> session_;
    HookCounts counted_;
};

/// The shipped ddos probe. Null, and the test has failed: it could not be loaded.
[[nodiscard]] std::unique_ptr<FlowProbe> load_flow_probe(const FlowProbeOptions& options = {});
/// As the kernel and weir said; for what must be refused.
[[nodiscard]] Result<std::unique_ptr<FlowProbe>> try_load_flow_probe(
    const FlowProbeOptions& options);

/// struct ddos_packet (probes/ddos/ddos.bpf.c).
struct DdosPacket {
    std::uint64_t time = 0;
    std::uint32_t tcp_ack = 0, tcp_sequence = 0;
    std::uint16_t ip_length = 0, ip_fragment = 0;
    std::uint16_t tcp_length = 0, tcp_flags = 0, tcp_window = 0, udp_length = 0;
    std::uint8_t icmp_type = 0, application = 0, is_backward = 0;
};

/// struct weir_flow_key (bpf/weir/flow.h).
struct alignas(8) FlowKey {
    std::array<std::uint8_t, 16> source, destination;
    std::uint16_t source_port, destination_port;  // in network order
    std::uint8_t protocol;
    [[nodiscard]] std::string text() const;  // "10.0.0.1:40000 > 10.0.0.2:80 6"
};

/// The start of a row: all but its packets.
struct FlowHead {
    std::uint32_t packets, server;
    std::uint64_t forward_bytes, backward_bytes;
    FlowKey key;
};

struct Flow {
    FlowHead head;
    std::vector<DdosPacket> packets;
};
using Flows = std::vector<Flow>;

/// The window's tensor; null and a failure where it has none.
[[nodiscard]] const table::Table* tensor_of(const Window& window);
/// The flows of the ddos probe, each with its recorded packets.
[[nodiscard]] Flows flows_of(const Window& window);
/// Expects recorded + beyond + untracked + ignored = entered = `sent`, and that the flows hold what
/// they should of it.
void expect_balance(const Window& window, std::uint64_t sent);

}  // namespace weir::test

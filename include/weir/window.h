// SPDX-License-Identifier: Apache-2.0
#pragma once
// One closed window: who, when, how many packets, and its tables.
//
// Ownership: its tables are borrowed, and exclusively the reader's until the report is over. Thread
// rule: the probe's worker thread.
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weir/table.h"

namespace weir {

/// A grace period takes up to 14 ms, reading and clearing as long again.
inline constexpr std::chrono::milliseconds kMinWindow(50);

/// Microseconds each stage took; total: from the flip to the report.
struct StageTimings {
    double flip = 0, grace = 0, read = 0, extract = 0, total = 0;
    double convert = 0, predict = 0;  ///< of a model's: flows into its input, and the scores
};

/// Frames of a capture that the kernel does not run a program on; they cut windows all the same.
struct UnseenFrames {
    std::uint64_t too_short = 0;  ///< no whole Ethernet header: under 14 bytes
    std::uint64_t too_long = 0;   ///< more than the kernel has buffers for (docs/kernel.md)
};

/// Copies of packets that the probe made for on_packet() (bpf/weir/punt.h).
struct CopyCounts {
    std::uint64_t lost = 0;  ///< the ring buffer was full
    std::uint64_t cut = 0;   ///< the packet was longer than its copy
};

struct WindowHealth {
    std::uint64_t late = 0;  ///< grid points that passed before the window could close
    std::uint64_t tail_call_misses =
        0;                        ///< packets that found no probe; 0 unless something is wrong
    std::uint64_t truncated = 0;  ///< tables of which not everything could be read
    std::uint64_t escaped = 0;    ///< tables that an extractor went on looking at: they were copied
    std::vector<std::string> errors;      ///< what failed in this window; counting went on
    std::vector<std::string> not_frozen;  ///< maps that the kernel writes at any time (timers)
    std::optional<CopyCounts> copies;     ///< none: the probe makes no copies
    /// Messages beyond the rate, or for which there was no room; none: the probe sends none.
    std::optional<std::uint64_t> logs_lost;
    /// Packets that passed because their interface was not there; none: the probe redirects by no
    /// interface's name.
    std::optional<std::uint64_t> redirects_lost;
    std::optional<UnseenFrames> unseen;  ///< replay only: frames that no probe can see
};

/// What became of the packets that entered a probe. Where the probe keeps a flow tensor
/// (weir/flow.h) each of them has one outcome: entered = recorded + beyond + untracked + ignored.
struct PacketCounts {
    std::uint64_t entered = 0;
    bool has_outcomes = false;    ///< the probe keeps a flow tensor; else the rest is 0
    std::uint64_t recorded = 0;   ///< their features are in the tensor
    std::uint64_t beyond = 0;     ///< later packets of a flow, counted in it
    std::uint64_t untracked = 0;  ///< of flows for which there was no room
    std::uint64_t ignored = 0;    ///< not this probe's traffic
};

/// What an extractor (or a model) wants somebody to look at. What is empty or 0 is left out.
struct Alert {
    std::string source, destination;  ///< addresses as people write them
    std::uint16_t source_port = 0, destination_port = 0;
    std::string protocol;  ///< "TCP"
    std::uint64_t packets = 0;
    std::optional<double> score;
    std::string reason;
};

/// What an extractor made of a window.
struct Extraction {
    std::string json = "null";  ///< one JSON value; it lands in the window's JSON as "extractor"
    std::vector<Alert> alerts = {};
};

/// Who is attacked in a window, by a model's scores.
struct Victim {
    std::string address;
    std::uint64_t flows = 0, packets = 0, sources = 0;
    float score = 0;                            ///< the highest
    std::vector<std::string> top_sources = {};  ///< those with the most flows, three at most
};

/// What a model says of a window's flows.
struct Detection {
    double threshold = 0;           ///< a score above it is malicious
    std::size_t malicious = 0;      ///< flows
    std::span<const float> scores;  ///< beside the rows of the flow tensor
    std::vector<Alert> alerts =
        {};  ///< the highest scores first; or every flow, in the rows' order
    std::vector<Victim> victims = {};  ///< of malicious flows; those with the most first
};

/// One closed window. Its tables are exclusively the reader's until report() returns.
struct Window {
    std::uint64_t number = 0;  ///< 1 is the first
    std::string probe, interface, hook, mode;
    std::int64_t start_ns = 0, end_ns = 0;  ///< Unix time of the flips that opened and closed it
    PacketCounts packets;
    std::uint64_t skipped = 0;  ///< replay: this is a run of so many empty windows, told as one
    StageTimings timings_us;
    WindowHealth health;
    std::span<const Table> tables;
    std::optional<Detection> detection;    ///< none: no model, or it failed (health.errors)
    std::optional<Extraction> extraction;  ///< none: no extractor, or it failed (health.errors)
};

}  // namespace weir

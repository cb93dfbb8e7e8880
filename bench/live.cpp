// SPDX-License-Identifier: Apache-2.0
// What the ddos probe leaves of a line's packets: 65,536 flows through driver-mode XDP on a veth
// pair, against an empty program with the same verdict, in turn.
#include <algorithm>

#include "bpf/link.h"
#include "figures.h"
#include "lane.h"
#include "test_run.h"

namespace weir::bench {
namespace {

constexpr std::uint32_t kFlows = 65'536;  // as many as the probe has room for by default
constexpr double kThroughput = 0.5;       // of the empty program's
constexpr std::uint32_t kMany = 64;       // packets a flow: five of six are beyond the first ten
constexpr std::uint32_t kFew = 2;         // all are recorded

/// An empty program on a lane of its own.
class Empty {
public:
    Empty(const std::string& lane, const std::string& function)
        : lane_(lane),
          object_(load_alone(WEIR_BENCH_PROBES, function)),
          link_(need(
              bpf::XdpLink::attach({.function = function, .fd = need_program(object_, function)},
                                   lane_.receiver(), bpf::XdpMode::Drv))) {}
    [[nodiscard]] const Lane& lane() const { return lane_; }

private:
    Lane lane_;
    bpf::LoadedObject object_;
    bpf::XdpLink link_;
};

/// The ddos probe, attached as `weir inject` does.
class Ddos {
public:
    Ddos(const std::string& lane, const std::string& verdict)
        : lane_(lane),
          chain_(load_chain(ddos_spec({{.target = "verdict", .value = verdict}}))),
          reader_(reader_of(chain_.pair(0).clone(0), "flows")) {
        need(chain_.attach(lane_.receiver(), {.mode = bpf::XdpMode::Drv, .is_strict = true}));
    }
    [[nodiscard]] const Lane& lane() const { return lane_; }
    [[nodiscard]] weir_counts counts() const {
        return need(chain_.counts()).of.at(chain_.pair(0).clone(0).counter());
    }
    /// Flows of the window, which is over then.
    std::size_t close_window() {
        const std::size_t flows = need(reader_.read()).rows;
        need(reader_.clear());
        return flows;
    }

private:
    Lane lane_;
    Chain chain_;
    table::Reader reader_;
};

/// The best of all rounds, packets a second: a neighbour on the same core takes away, nobody adds.
struct Best {
    double empty = 0, ddos = 0;
    std::uint64_t recorded = 0, beyond = 0;  // of the last round
};

/// A window in which each flow has so many packets.
double window_pps(Ddos& ddos, int generator, std::uint32_t packets_per_flow, Best& best) {
    const weir_counts before = ddos.counts();
    const std::uint64_t received = ddos.lane().received();
    const double pps = ddos.lane().packets_per_second(generator, packets_per_flow * kFlows);
    const weir_counts now = ddos.counts();
    const auto became = [&](weir_outcome o) { return now.outcome[o] - before.outcome[o]; };
    best.recorded = became(WEIR_RECORDED);
    best.beyond = became(WEIR_BEYOND);
    const std::uint64_t tracked = best.recorded + best.beyond;
    const std::size_t flows = ddos.close_window();
    if (tracked != ddos.lane().received() - received || flows > kFlows)
        give_up({.code = Errc::Io,
                 .message = fmt::format("{} flows; of {} packets {} are tracked", flows,
                                        ddos.lane().received() - received, tracked)});
    return pps;
}

void measure(Empty& empty, Ddos& ddos, int generator, const std::string& verdict,
             std::uint32_t packets_per_flow, std::vector<Figure>& figures) {
    const bool is_steady = packets_per_flow == kMany;
    const int rounds = is_steady ? 7 : 31;
    Best best;
    for (int round = 0; round < rounds; ++round) {
        best.empty = std::max(
            best.empty, empty.lane().packets_per_second(generator, packets_per_flow * kFlows));
        best.ddos = std::max(best.ddos, window_pps(ddos, generator, packets_per_flow, best));
    }
    figures.push_back(
        {.name = fmt::format("live {}, {}: {} packets a flow", verdict,
                             is_steady ? "steady" : "short flows", packets_per_flow),
         .value = best.ddos / best.empty,
         .unit = "x",
         .at_most = {},
         .at_least = is_steady ? std::optional(kThroughput) : std::nullopt,
         .beside = fmt::format("empty program {:.2f}, ddos {:.2f} M packets/s; {} flows, {:.0f} % "
                               "beyond, 0 untracked",
                               best.empty / 1e6, best.ddos / 1e6, kFlows,
                               100.0 * static_cast<double>(best.beyond) /
                                   static_cast<double>(best.beyond + best.recorded))});
}

void measure_live(std::vector<Figure>& figures) {
    enter_private_network();
    const auto flood = load_alone(WEIR_BENCH_FLOOD, "flood");
    const int generator = need_program(flood, "flood");
    Empty passes("0", "empty");
    Empty drops("1", "empty_drop");
    Ddos ddos_passes("2", "2");
    Ddos ddos_drops("3", "1");
    for (const std::uint32_t packets : {kMany, kFew}) {
        measure(passes, ddos_passes, generator, "pass", packets, figures);
        measure(drops, ddos_drops, generator, "drop", packets, figures);
    }
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    std::vector<weir::bench::Figure> figures;
    weir::bench::measure_live(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-live.json");
}

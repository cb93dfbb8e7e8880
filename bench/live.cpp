// SPDX-License-Identifier: Apache-2.0
// What the ddos probe leaves of a line's packets: 65,536 flows through driver-mode XDP on a veth
// pair, against an empty program with the same verdict, and a hash of sessions with a queue of
// records (bench/bpf/classic.bpf.c) against the same, in turn.
#include <algorithm>
#include <cstring>

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
constexpr std::uint32_t kRecorded = 10;   // of each flow

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

/// The classic probe with room for as many flows and for ten packets of each.
class Classic {
public:
    Classic(const std::string& lane, std::uint32_t verdict)
        : lane_(lane),
          object_(load(verdict)),
          link_(need(
              bpf::XdpLink::attach({.function = "classic", .fd = need_program(object_, "classic")},
                                   lane_.receiver(), bpf::XdpMode::Drv))),
          sessions_(reader("sessions")),
          records_(reader("records")) {}
    [[nodiscard]] const Lane& lane() const { return lane_; }
    /// Records of the window, which is over then.
    std::size_t close_window() {
        const std::size_t records = need(records_.read()).rows;
        need(sessions_.read());
        need(records_.clear());
        need(sessions_.clear());
        return records;
    }

private:
    static bpf::LoadedObject load(std::uint32_t verdict) {
        auto object = need(bpf::Object::open(need(read_bytes(WEIR_BENCH_CLASSIC)), "classic"));
        set_constant(object, "verdict", verdict);
        set_constant(object, "packets_per_session", kRecorded);
        return need(std::move(object).load());
    }
    static void set_constant(bpf::Object& object, const char* name, std::uint32_t value) {
        const auto constant = object.constant(name);
        if (!constant || constant->bytes.size() != sizeof(value))
            give_up({.code = Errc::NotFound, .message = fmt::format("constant {}", name)});
        std::memcpy(constant->bytes.data(), &value, sizeof(value));
    }
    table::Reader reader(const char* map) const {
        const MapPolicy windowed{
            .map_class = MapClass::Windowed, .clear_after_window = true, .reason = "bench"};
        return need(table::Reader::create(*object_.find_map(map), windowed, {}));
    }
    Lane lane_;
    bpf::LoadedObject object_;
    bpf::XdpLink link_;
    table::Reader sessions_, records_;
};

/// The best of all rounds, packets a second: a neighbour on the same core takes away, nobody adds.
struct Best {
    double empty = 0, ddos = 0, classic = 0;
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

/// The same of the classic probe; its window is emptied outside the time that is measured.
double classic_pps(Classic& classic, int generator, std::uint32_t packets_per_flow) {
    const std::uint64_t received = classic.lane().received();
    const double pps = classic.lane().packets_per_second(generator, packets_per_flow * kFlows);
    const std::uint64_t packets = classic.lane().received() - received;
    const std::size_t records = classic.close_window();
    const bool is_all =
        packets_per_flow <= kRecorded;  // else some flow may have had fewer than ten
    if (records > std::size_t{kFlows} * kRecorded || (is_all && records != packets))
        give_up({.code = Errc::Io,
                 .message = fmt::format("classic: {} records of {} packets", records, packets)});
    return pps;
}

/// One lane for each program, all with one verdict.
struct Lanes {
    std::string verdict;
    Empty empty;
    Ddos ddos;
    Classic classic;
};

void measure(Lanes& lanes, int generator, std::uint32_t packets_per_flow,
             std::vector<Figure>& figures) {
    const bool is_steady = packets_per_flow == kMany;
    const int rounds = is_steady ? 7 : 31;
    Best best;
    for (int round = 0; round < rounds; ++round) {
        best.empty = std::max(best.empty, lanes.empty.lane().packets_per_second(
                                              generator, packets_per_flow * kFlows));
        best.ddos = std::max(best.ddos, window_pps(lanes.ddos, generator, packets_per_flow, best));
        best.classic =
            std::max(best.classic, classic_pps(lanes.classic, generator, packets_per_flow));
    }
    const std::string name = fmt::format("live {}, {}: {} packets a flow", lanes.verdict,
                                         is_steady ? "steady" : "short flows", packets_per_flow);
    figures.push_back(
        {.name = name,
         .value = best.ddos / best.empty,
         .unit = "x",
         .at_most = {},
         .at_least = is_steady ? std::optional(kThroughput) : std::nullopt,
         .beside = fmt::format("empty program {:.2f}, ddos {:.2f} M packets/s; {} flows, {:.0f} % "
                               "beyond, 0 untracked",
                               best.empty / 1e6, best.ddos / 1e6, kFlows,
                               100.0 * static_cast<double>(best.beyond) /
                                   static_cast<double>(best.beyond + best.recorded))});
    figures.push_back(
        {.name = "  the same by hash + queue",
         .value = best.classic / best.empty,
         .unit = "x",
         .at_most = {},
         .beside = fmt::format("hash + queue {:.2f} M packets/s; ddos {:.1f} times that",
                               best.classic / 1e6, best.ddos / best.classic)});
}

void measure_live(std::vector<Figure>& figures) {
    enter_private_network();
    const auto flood = load_alone(WEIR_BENCH_FLOOD, "flood");
    const int generator = need_program(flood, "flood");
    Lanes passes{.verdict = "pass", .empty{"0", "empty"}, .ddos{"2", "2"}, .classic{"4", XDP_PASS}};
    Lanes drops{
        .verdict = "drop", .empty{"1", "empty_drop"}, .ddos{"3", "1"}, .classic{"5", XDP_DROP}};
    for (const std::uint32_t packets : {kMany, kFew}) {
        measure(passes, generator, packets, figures);
        measure(drops, generator, packets, figures);
    }
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    std::vector<weir::bench::Figure> figures;
    weir::bench::measure_live(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-live.json");
}

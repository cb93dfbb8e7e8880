// SPDX-License-Identifier: Apache-2.0
// What a packet pays: nanoseconds by BPF_PROG_TEST_RUN, each probe alone and behind the pivot, in
// turn in one run; and what a window pays: flip and grace period.
#include "chain/grace.h"
#include "figures.h"
#include "test_run.h"
#include "util/clock.h"
#include "weir/abi.h"

namespace weir::bench {
namespace {

constexpr int kRepeat = 1'000'000;
constexpr int kRounds = 31;
constexpr double kPivotNs = 8;  // pivot and wrapper, over the probe alone

/// The same source, once as it is and once as weir wraps it.
struct Both {
    bpf::LoadedObject alone;
    Chain chain;
};

Both load_both(const std::string& function) {
    return {.alone = load_alone(WEIR_BENCH_PROBES, function),
            .chain = load_chain(
                {.file = {.name = "bench", .path = WEIR_BENCH_PROBES_SOURCE, .is_object = false},
                 .program = function,
                 .cflags = {},
                 .maps = {},
                 .settings = {}})};
}

void measure_packet(const std::string& function, std::vector<Figure>& figures) {
    const Both both = load_both(function);
    const int alone = need_program(both.alone, function);
    const int chained = both.chain.pivot().fd;
    const Pair ns = compare([&] { return run_ns(alone, kRepeat); },
                            [&] { return run_ns(chained, kRepeat); }, kRounds);
    figures.push_back(
        {.name = fmt::format("pivot + wrapper over probe '{}'", function),
         .value = ns.b - ns.a,
         .unit = "ns",
         .at_most = kPivotNs,
         .beside = fmt::format("alone {:.0f} ns, in the chain {:.0f} ns, ratio {:.2f}", ns.a, ns.b,
                               ns.b / ns.a)});
}

/// What a hook costs that has no probe: the word is read, and says that the chain ends at once.
void measure_pivot(std::vector<Figure>& figures) {
    const auto empty = load_alone(WEIR_BENCH_PROBES, "empty");
    const auto chain = need(Chain::create());
    const int alone = need_program(empty, "empty");
    const Pair ns = compare([&] { return run_ns(alone, kRepeat); },
                            [&] { return run_ns(chain.pivot().fd, kRepeat); }, kRounds);
    figures.push_back({.name = "pivot alone, without a probe",
                       .value = ns.b,
                       .unit = "ns",
                       .at_most = {},
                       .beside = fmt::format("empty program {:.0f} ns", ns.a)});
}

double grace_us(GraceMethod method) {
    auto grace = need(Grace::create(method));
    const Nanoseconds begin = monotonic_ns();
    need(grace.wait());
    return static_cast<double>(monotonic_ns() - begin) / 1e3;
}

double flip_ns(Chain& chain) {
    constexpr int kFlips = 1'000'000;
    const Nanoseconds begin = monotonic_ns();
    for (int i = 0; i < kFlips; ++i) chain.flip(Chain::bit(0));
    return static_cast<double>(monotonic_ns() - begin) / kFlips;
}

/// The plain way to flip: an update of the program array, one probe at a time.
double update_ns(const Chain& chain) {
    constexpr int kUpdates = 100;
    const std::uint32_t index = WEIR_CHAIN_ENTRIES - 1;
    const int fd = chain.pivot().fd;
    const Nanoseconds begin = monotonic_ns();
    for (int i = 0; i < kUpdates; ++i) need(need(chain.next_binding()).chain->update(&index, &fd));
    return static_cast<double>(monotonic_ns() - begin) / kUpdates;
}

void measure_window(std::vector<Figure>& figures) {
    auto chain = need(Chain::create());
    const Pair flips = compare([&] { return update_ns(chain); }, [&] { return flip_ns(chain); }, 5);
    figures.push_back({.name = "flip",
                       .value = flips.b,
                       .unit = "ns",
                       .at_most = {},
                       .beside = fmt::format("program array update {:.0f} ns", flips.a)});
    const Pair waits = compare([] { return grace_us(GraceMethod::MapInMap); },
                               [] { return grace_us(GraceMethod::VisitCpus); }, 11);
    figures.push_back({.name = "grace, visiting every CPU",
                       .value = waits.b,
                       .unit = "us",
                       .at_most = {},
                       .beside = fmt::format("map-in-map update {:.0f} us", waits.a)});
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    std::vector<weir::bench::Figure> figures;
    weir::bench::measure_pivot(figures);
    for (const char* function : {"empty", "array", "hash"})
        weir::bench::measure_packet(function, figures);
    weir::bench::measure_window(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-datapath.json");
}

// SPDX-License-Identifier: Apache-2.0
// What a packet pays: nanoseconds by BPF_PROG_TEST_RUN, each probe alone and behind the pivot, in
// turn in one run; and what a window pays: flip and grace period.
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "chain/chain.h"
#include "chain/grace.h"
#include "figures.h"
#include "probe/image.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"

namespace weir::bench {
namespace {

constexpr int kRepeat = 1'000'000;
constexpr int kRounds = 11;
constexpr double kPivotNs = 8;  // pivot and wrapper, over the probe alone

template <class T>
T need(Result<T> r) {
    if (r) return std::move(*r);
    fmt::print(stderr, "bench: {}\n{}\n", r.error().message, r.error().log);
    std::exit(1);  // NOLINT(concurrency-mt-unsafe)
}

double run_ns(int program_fd) {
    std::array<unsigned char, 64> frame{};
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
                .repeat = kRepeat);
    if (bpf_prog_test_run_opts(program_fd, &options) != 0) std::abort();
    return options.duration;
}

/// The same source, once as it is and once as weir wraps it.
struct Both {
    bpf::LoadedObject alone;
    Chain chain;
};

Both load_both(const std::string& function) {
    auto plain = need(bpf::Object::open(need(read_bytes(WEIR_BENCH_OBJECT)), "alone"));
    for (bpf::ProgramSpec& p : plain.programs()) p.set_autoload(p.function == function);
    auto alone = need(std::move(plain).load());
    const ProbeSpec spec{.file = {.name = "bench", .path = WEIR_BENCH_SOURCE, .is_object = false},
                         .program = function,
                         .cflags = {},
                         .maps = {},
                         .settings = {}};
    const auto image = need(ProbeImage::build(spec, need(share_dir())));
    auto chain = need(Chain::create());
    auto pair = need(ClonePair::load(image, chain.next_binding()));
    if (auto r = chain.append(std::move(pair)); !r) std::abort();
    return {.alone = std::move(alone), .chain = std::move(chain)};
}

void measure_packet(const std::string& function, std::vector<Figure>& figures) {
    const Both both = load_both(function);
    const int alone = both.alone.program(function)->fd;
    const int chained = both.chain.pivot().fd;
    const auto ns =
        medians({[&] { return run_ns(alone); }, [&] { return run_ns(chained); }}, kRounds);
    figures.push_back(
        {.name = fmt::format("pivot + wrapper over probe '{}'", function),
         .value = ns[1] - ns[0],
         .unit = "ns",
         .at_most = kPivotNs,
         .beside = fmt::format("alone {:.0f} ns, in the chain {:.0f} ns", ns[0], ns[1])});
}

double grace_us(GraceMethod method) {
    auto grace = need(Grace::create(method));
    const Nanoseconds begin = monotonic_ns();
    if (auto r = grace.wait(); !r) std::abort();
    return static_cast<double>(monotonic_ns() - begin) / 1e3;
}

void measure_window(std::vector<Figure>& figures) {
    auto chain = need(Chain::create());
    constexpr int kFlips = 1'000'000;
    const auto flip = [&] {
        const Nanoseconds begin = monotonic_ns();
        for (int i = 0; i < kFlips; ++i) chain.flip(Chain::bit(0));
        return static_cast<double>(monotonic_ns() - begin) / kFlips;
    };
    figures.push_back({.name = "flip",
                       .value = medians({flip}, 5)[0],
                       .unit = "ns",
                       .at_most = {},
                       .beside = "prog_array update: see docs/design.md"});
    const auto waits = medians({[] { return grace_us(GraceMethod::VisitCpus); },
                                [] { return grace_us(GraceMethod::MapInMap); }},
                               kRounds);
    figures.push_back({.name = "grace, visiting every CPU",
                       .value = waits[0],
                       .unit = "us",
                       .at_most = {},
                       .beside = fmt::format("map-in-map update {:.0f} us", waits[1])});
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    std::vector<weir::bench::Figure> figures;
    for (const char* function : {"empty", "array", "hash"})
        weir::bench::measure_packet(function, figures);
    weir::bench::measure_window(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-datapath.json");
}

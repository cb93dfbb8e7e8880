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
#include "weir/abi.h"

namespace weir::bench {
namespace {

constexpr int kRepeat = 1'000'000;
constexpr int kRounds = 31;
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
    const int alone = both.alone.program(function).value_or(bpf::Program{}).fd;
    const int chained = both.chain.pivot().fd;
    const Pair ns =
        compare([&] { return run_ns(alone); }, [&] { return run_ns(chained); }, kRounds);
    figures.push_back(
        {.name = fmt::format("pivot + wrapper over probe '{}'", function),
         .value = ns.b - ns.a,
         .unit = "ns",
         .at_most = kPivotNs,
         .beside = fmt::format("alone {:.0f} ns, in the chain {:.0f} ns, ratio {:.2f}", ns.a, ns.b,
                               ns.b / ns.a)});
}

double grace_us(GraceMethod method) {
    auto grace = need(Grace::create(method));
    const Nanoseconds begin = monotonic_ns();
    if (auto r = grace.wait(); !r) std::abort();
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
    for (int i = 0; i < kUpdates; ++i)
        if (auto r = chain.next_binding().chain.update(&index, &fd); !r) std::abort();
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
    for (const char* function : {"empty", "array", "hash"})
        weir::bench::measure_packet(function, figures);
    weir::bench::measure_window(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-datapath.json");
}

// SPDX-License-Identifier: Apache-2.0
// What a chain costs: eight probes against one, a packet; and a patch: from the wish to the store
// that puts the new code in force, with the object in the cache.
#include <algorithm>
#include <memory>
#include <vector>

#include "chain/grace.h"
#include "figures.h"
#include "test_run.h"
#include "util/clock.h"
#include "util/paths.h"

namespace weir::bench {
namespace {

constexpr int kRepeat = 20'000;  // short: a millisecond
constexpr int kRounds = 50;
constexpr int kLoads = 9;
constexpr int kPatches = 21;
constexpr std::uint32_t kProbes = 8;
constexpr double kSevenMoreNs = 35;
constexpr double kPatchMs = 20;

ProbeSpec empty_probe() {
    return {.file = {.name = "bench", .path = WEIR_BENCH_PROBES_SOURCE, .is_object = false},
            .program = "empty",
            .cflags = {},
            .maps = {},
            .settings = {}};
}

ProbeSpec ddos(const std::filesystem::path& share) {
    return {.file = need(locate_probe("ddos", share)),
            .program = {},
            .cflags = {},
            .maps = {},
            .settings = {}};
}

Chain chain_of(std::uint32_t probes) {
    auto chain = need(Chain::create());
    const ProbeImage image = need(ProbeImage::build(empty_probe(), need(share_dir())));
    for (std::uint32_t slot = 0; slot < probes; ++slot)
        need(chain.append(need(ClonePair::load(image, need(chain.next_binding())))));
    return chain;
}

/// What seven programs more cost a packet, in nanoseconds.
struct SevenMore {
    double least;   // between the least rounds
    double median;  // between the medians of the rounds
};

SevenMore measure_seven_more(int one_fd, int eight_fd) {
    std::vector<double> one;
    std::vector<double> eight;
    for (int round = 0; round < kRounds; ++round) {
        one.push_back(run_ns(one_fd, kRepeat));
        eight.push_back(run_ns(eight_fd, kRepeat));
    }
    std::ranges::sort(one);
    std::ranges::sort(eight);
    return {.least = eight.front() - one.front(),
            .median = eight[eight.size() / 2] - one[one.size() / 2]};
}

double median_of(const std::vector<SevenMore>& loads, double SevenMore::* member) {
    std::vector<double> all(loads.size());
    std::ranges::transform(loads, all.begin(), member);
    std::ranges::sort(all);
    return all[all.size() / 2];
}

/// The same call costs once or twice as much from one moment to the next, tail calls without weir
/// too: the least of many short rounds says what the code costs, the median what a packet meets on
/// this machine. Each load lies elsewhere in memory, hence several.
void measure_packet(std::vector<Figure>& figures) {
    std::vector<SevenMore> ours;
    std::vector<SevenMore> plain;
    for (int i = 0; i < kLoads; ++i) {
        const Chain one = chain_of(1);
        const Chain eight = chain_of(kProbes);
        ours.push_back(measure_seven_more(one.pivot().fd, eight.pivot().fd));
        auto object = need(bpf::Object::open(need(read_bytes(WEIR_BENCH_TAIL_CALLS)), "bench"));
        const bpf::LoadedObject loaded = need(std::move(object).load());
        plain.push_back(measure_seven_more(need_program(loaded, "one_plain"),
                                           need_program(loaded, "eight_plain")));
    }
    figures.push_back(
        {.name = "8 empty probes over one, least of the rounds",
         .value = median_of(ours, &SevenMore::least),
         .unit = "ns",
         .at_most = kSevenMoreNs,
         .beside = fmt::format("plain tail calls {:.0f} ns", median_of(plain, &SevenMore::least))});
    figures.push_back({.name = "8 empty probes over one, median of the rounds",
                       .value = median_of(ours, &SevenMore::median),
                       .unit = "ns",
                       .at_most = {},
                       .beside = fmt::format("plain tail calls {:.0f} ns",
                                             median_of(plain, &SevenMore::median))});
}

double milliseconds_since(Nanoseconds begin) {
    return static_cast<double>(monotonic_ns() - begin) / 1e6;
}

/// One patch of slot 0: what the planning thread and the engine do, one behind the other.
double patch_ms(Chain& chain, const ProbeSpec& spec, Grace& grace) {
    const Nanoseconds begin = monotonic_ns();
    const ProbeImage image = need(ProbeImage::build(spec, need(share_dir())));
    auto pair = std::make_shared<ClonePair>(need(ClonePair::load(
        image, need(chain.binding(0)), {.pair = &chain.pair(0), .may_drop_state = false})));
    need(chain.stage(need(chain.prepare({pair}))));
    chain.commit();
    const double taken = milliseconds_since(begin);
    need(grace.wait());
    chain.settle();
    return taken;
}

void measure_patch(const std::string& name, const ProbeSpec& spec, std::optional<double> at_most,
                   std::vector<Figure>& figures) {
    auto grace = need(Grace::create(GraceMethod::Auto));
    auto chain = need(Chain::create());
    const ProbeImage image = need(ProbeImage::build(spec, need(share_dir())));
    need(chain.append(need(ClonePair::load(image, need(chain.next_binding())))));
    std::vector<double> all;
    all.reserve(kPatches);
    for (int i = 0; i < kPatches; ++i) all.push_back(patch_ms(chain, spec, grace));
    std::ranges::sort(all);
    figures.push_back(
        {.name = "patch of " + name + ", median",
         .value = all[all.size() / 2],
         .unit = "ms",
         .at_most = at_most,
         .beside = fmt::format("{:.1f} to {:.1f} ms; maps of both clones {} kB", all.front(),
                               all.back(), chain.pair(0).map_bytes() / 1024)});
}

int run(const std::string& file) {
    std::vector<Figure> figures;
    measure_packet(figures);
    measure_patch("an empty probe, cached", empty_probe(), kPatchMs, figures);
    measure_patch("ddos, with the kernel's time for its maps", ddos(need(share_dir())), {},
                  figures);
    return report(figures, file);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::run(argc > 1 ? argv[1] : ""); }

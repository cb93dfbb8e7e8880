// SPDX-License-Identifier: Apache-2.0
// From a retired clone to its complete view, to a model's float32, and to a clean clone again; the
// same flows in a HASH beside it. Google Benchmark measures, one run at a time and all in a random
// order, so that the caches are as cold as they are after ten seconds of packets.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "figures.h"
#include "full_tensor.h"
#include "need.h"
#include "table/flow_tensor.h"
#include "util/clock.h"

namespace weir::bench {
namespace {

using Nanos = std::map<std::string, double>;  // by the benchmark's name; the least of its runs

constexpr std::uint32_t kMostLookups = 10'000;  // flows; more take a second and tell nothing new
constexpr std::uint64_t kBytesPerFlow = 2'600;  // tensor, hash, rows read, floats
constexpr double kTypicalMs = 2;                // of 60,000 flows
constexpr double kLargeMs = 40;                 // of 1,000,000 flows

/// Everything that is measured of one number of flows; made when it is wanted first.
struct Load {
    explicit Load(std::uint32_t flows)
        : tensor(flows), hash(tensor), batches(hash.reader("drain")) {}
    FullTensor tensor;
    FullHash hash;
    table::Reader batches;
    std::vector<float> floats;
};

Load& load_of(std::uint32_t flows) {
    static std::map<std::uint32_t, std::unique_ptr<Load>> loads;
    auto& load = loads[flows];
    if (!load) load = std::make_unique<Load>(flows);
    load->tensor.fill();
    return *load;
}

template <class Work>
void measure(benchmark::State& state, const Work& work) {
    for (auto _ : state) {
        const Nanoseconds begin = monotonic_ns();
        work();
        state.SetIterationTime(static_cast<double>(monotonic_ns() - begin) / 1e9);
    }
}

void need_rows(const table::Table& table, std::uint32_t flows) {
    if (table.rows == flows) return;
    give_up({.code = Errc::Io, .message = fmt::format("{} of {} flows", table.rows, flows)});
}

void view(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_of(flows);
    measure(state, [&] { need_rows(need(load.tensor.reader().read()), flows); });
}

void clear(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_of(flows);
    need_rows(need(load.tensor.reader().read()), flows);
    measure(state, [&] { load.tensor.clear(); });
}

constexpr double kScale = 1e-3;

/// LUCID's shape: [flows, 10, 11], every feature of the probe.
void to_float32(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_of(flows);
    const table::Table table = need(load.tensor.reader().read());
    const table::FlowTensor tensor(table);
    std::vector<table::FloatColumn> columns;
    for (const table::Feature& f : tensor.features())
        columns.push_back({.place = f.place, .scale = kScale});
    columns[0].origin = table::Origin::FirstPacket;
    load.floats.resize(tensor.flows() * tensor.packets_per_flow() * columns.size());
    measure(state, [&] { tensor.to_float32(columns, load.floats); });
    benchmark::DoNotOptimize(load.floats.data());
}

/// A feature as a reader has it that looks at the type of each number when it comes to it.
std::uint64_t load_number(const std::byte* at, std::uint32_t bytes) {
    switch (bytes) {  // SAFETY: the probe's features are unsigned integers of these sizes
        case 1: return *reinterpret_cast<const std::uint8_t*>(at);
        case 2: return *reinterpret_cast<const std::uint16_t*>(at);
        case 4: return *reinterpret_cast<const std::uint32_t*>(at);
        default: return *reinterpret_cast<const std::uint64_t*>(at);
    }
}

/// The same input from the rows of the HASH, number by number.
void plain_float32(const table::Table& rows, const table::FlowLayout& layout,
                   std::span<float> out) {
    float* to = out.data();
    for (std::size_t i = 0; i < rows.rows; ++i) {
        const std::byte* packet = rows.value(i) + layout.packet_offset - FullHash::kKeyBytes;
        const std::uint64_t start = load_number(packet, 8);
        for (std::uint32_t j = 0; j < layout.packets_per_flow; ++j) {
            for (const table::Feature& f : layout.features) {
                const auto number =
                    load_number(packet + f.place.bit_offset / 8, f.place.type->size_bytes);
                *to++ = static_cast<float>(
                    static_cast<double>(f.place.bit_offset == 0 ? number - start : number) *
                    kScale);
            }
            packet += layout.packet_bytes;
        }
    }
}

/// With all flows in the HASH too; apart, for what fills it drives the tensor out of the caches.
Load& load_with_hash(std::uint32_t flows) {
    Load& load = load_of(flows);
    load.hash.fill();
    return load;
}

void hash_float32(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_with_hash(flows);
    const table::Table rows = need(load.batches.read());
    need_rows(rows, flows);
    const auto layout = table::flow_layout(load.tensor.map().shape());
    if (!layout) give_up({.code = Errc::Invalid, .message = "the ddos probe's map is no tensor"});
    load.floats.resize(std::size_t{flows} * layout->packets_per_flow * layout->features.size());
    measure(state, [&] { plain_float32(rows, *layout, load.floats); });
    benchmark::DoNotOptimize(load.floats.data());
}

void hash_clear(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_with_hash(flows);
    measure(state, [&] { load.hash.clear(FullHash::Calls::Batches); });
}

void hash_clear_by_keys(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_with_hash(flows);
    measure(state, [&] { load.hash.clear(FullHash::Calls::OnePerKey); });
}

void hash_batches(benchmark::State& state, std::uint32_t flows) {
    Load& load = load_with_hash(flows);
    measure(state, [&] { need_rows(need(load.batches.read()), flows); });
}

void hash_lookups(benchmark::State& state, std::uint32_t flows) {
    table::Reader reader = load_with_hash(flows).hash.reader("drain,batch");
    measure(state, [&] { need_rows(need(reader.read()), flows); });
}

void row_lookups(benchmark::State& state, std::uint32_t flows) {
    table::Reader reader = load_of(flows).tensor.lookup_reader();
    measure(state, [&] { need_rows(need(reader.read()), flows); });
}

/// Keeps the least of each benchmark's runs; the figures are printed by report(), all runs go to
/// --benchmark_out.
class Keep : public benchmark::ConsoleReporter {
public:
    explicit Keep(Nanos& nanos) : ConsoleReporter(OO_None), nanos_(nanos) {}
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration) continue;
            const double ns = run.real_accumulated_time * 1e9 / static_cast<double>(run.iterations);
            const auto [it, is_new] = nanos_.try_emplace(run.run_name.function_name, ns);
            it->second = std::min(it->second, ns);
        }
    }

private:
    Nanos& nanos_;
};

std::uint64_t available_bytes() {
    std::ifstream memory("/proc/meminfo");
    std::string word;
    std::uint64_t kilobytes = 0;
    while (memory >> word)
        if (word == "MemAvailable:" && memory >> kilobytes) break;
    return kilobytes * 1024;
}

using Benchmark = void (*)(benchmark::State&, std::uint32_t);

void enter(const char* name, Benchmark function, std::uint32_t flows) {
    const int runs = flows >= 1'000'000 ? 5 : 15;
    benchmark::RegisterBenchmark(fmt::format("{}/{}", name, flows).c_str(), function, flows)
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(runs);
}

void enter_all(std::uint32_t flows) {
    enter("view", view, flows);
    enter("clear", clear, flows);
    enter("float32", to_float32, flows);
    enter("hash_batches", hash_batches, flows);
    enter("hash_clear", hash_clear, flows);
    enter("hash_float32", hash_float32, flows);
    if (flows > kMostLookups) return;
    enter("hash_lookups", hash_lookups, flows);
    enter("hash_clear_by_keys", hash_clear_by_keys, flows);
    enter("row_lookups", row_lookups, flows);
}

std::optional<double> most_ms(std::uint32_t flows) {
    if (flows == 60'000) return kTypicalMs;
    return flows == 1'000'000 ? std::optional(kLargeMs) : std::nullopt;
}

void add_figures(Nanos& ns, std::uint32_t flows, std::vector<Figure>& figures) {
    const auto ms = [&](const char* name) { return ns[fmt::format("{}/{}", name, flows)] / 1e6; };
    std::string plain = fmt::format("hash by batches {:.2f} ms, ratio {:.3f}", ms("hash_batches"),
                                    ms("view") / ms("hash_batches"));
    if (flows <= kMostLookups)
        plain += fmt::format("; by lookups {:.2f} ms; tensor by a lookup a row {:.2f} ms",
                             ms("hash_lookups"), ms("row_lookups"));
    figures.push_back({.name = fmt::format("view of {} flows", flows),
                       .value = ms("view"),
                       .unit = "ms",
                       .at_most = most_ms(flows),
                       .beside = plain});
    std::string erased =
        fmt::format("{:.0f} ns a flow; hash by batches {:.2f} ms, ratio {:.3f}",
                    ms("clear") * 1e6 / flows, ms("hash_clear"), ms("clear") / ms("hash_clear"));
    if (flows <= kMostLookups)
        erased += fmt::format("; a call a key {:.2f} ms", ms("hash_clear_by_keys"));
    figures.push_back({.name = fmt::format("clear of {} flows", flows),
                       .value = ms("clear"),
                       .unit = "ms",
                       .at_most = {},
                       .beside = erased});
    figures.push_back(
        {.name = fmt::format("float32 [{}, 10, 11]", flows),
         .value = ms("float32"),
         .unit = "ms",
         .at_most = {},
         .beside = fmt::format("{:.2f} ns a value; rows of the hash number by number {:.2f} ms, "
                               "ratio {:.2f}",
                               ms("float32") * 1e6 / flows / 110, ms("hash_float32"),
                               ms("float32") / ms("hash_float32"))});
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    namespace bench = weir::bench;
    benchmark::Initialize(&argc, argv);
    std::vector<std::uint32_t> sizes;
    for (const std::uint32_t flows : {1'000U, 10'000U, 60'000U, 100'000U, 1'000'000U}) {
        if (bench::available_bytes() < flows * bench::kBytesPerFlow) {
            fmt::print("{} flows: skipped, not enough memory\n", flows);
            continue;
        }
        bench::enter_all(flows);
        sizes.push_back(flows);
    }
    bench::Nanos nanos;
    bench::Keep keep(nanos);
    benchmark::RunSpecifiedBenchmarks(&keep);
    std::vector<bench::Figure> figures;
    for (const std::uint32_t flows : sizes) bench::add_figures(nanos, flows, figures);
    return bench::report(figures, argc > 1 ? argv[1] : "bench-view.json");
}

// SPDX-License-Identifier: Apache-2.0
// Queues and hashes, read and cleared by every way in turn; the ways are forced as users force
// them, by WEIR_DISABLE.
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "extract.h"
#include "need.h"
#include "table/table.h"
#include "util/clock.h"
#include "util/fd.h"

namespace weir::bench {
namespace {

using bpf::MapKind;

constexpr int kRounds = 25;
constexpr double kDrainSpeedUp = 12;  // over one system call per record
constexpr double kChoice = 1.1;       // the chosen way over the best

MapPolicy windowed() {
    return {.map_class = MapClass::Windowed, .clear_after_window = true, .reason = "bench"};
}

/// Read, and deleted afterwards: a persistent map of which the source says EMPTY.
MapPolicy read_then_delete() {
    return {.map_class = MapClass::Persistent, .clear_after_window = true, .reason = "bench"};
}

struct KernelMap {
    UniqueFd fd;
    bpf::Map map;
};

KernelMap make_map(const bpf::MapShape& shape) {
    UniqueFd fd(bpf_map_create(static_cast<bpf_map_type>(shape.kind), "weir_bench", shape.key_bytes,
                               shape.value_bytes, shape.max_entries, nullptr));
    if (!fd.is_open()) {
        std::perror("bench: bpf_map_create");
        std::exit(1);  // NOLINT(concurrency-mt-unsafe)
    }
    const int number = fd.get();
    return {.fd = std::move(fd), .map = bpf::Map(shape, number)};
}

struct Way {
    std::string name;
    table::Reader reader;
    table::ReadWay used = table::ReadWay::None;  // in the last round
    double read_ns = 1e18, total_ns = 1e18;      // the least of all rounds, per row
};

Way make_way(const std::string& name, const bpf::Map& map, const char* disable,
             const MapPolicy& policy = windowed()) {
    ::setenv("WEIR_DISABLE", disable, 1);  // NOLINT(concurrency-mt-unsafe)
    Way way{.name = name, .reader = need(table::Reader::create(map, policy, {}))};
    ::unsetenv("WEIR_DISABLE");  // NOLINT(concurrency-mt-unsafe)
    return way;
}

/// Fills, reads and clears by each way in turn, so that a drift of the machine's speed meets all
/// alike; in an order of its own each round, because what comes before decides in which order a
/// hash hands out its entries, and with that how well the cache holds them.
void measure(std::vector<Way>& ways, std::uint32_t rows, const std::function<void()>& fill) {
    std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the same order each run
    std::vector<std::size_t> order(ways.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (int round = 0; round < kRounds; ++round) {
        std::ranges::shuffle(order, random);
        for (const std::size_t i : order) {
            Way& way = ways[i];
            fill();
            const Nanoseconds begin = monotonic_ns();
            const table::Table table = need(way.reader.read());
            const Nanoseconds read = monotonic_ns();
            need(way.reader.clear());
            const Nanoseconds end = monotonic_ns();
            if (table.rows != rows) {
                fmt::print(stderr, "bench: {} rows instead of {}\n", table.rows, rows);
                std::exit(1);  // NOLINT(concurrency-mt-unsafe)
            }
            way.used = table.way;
            if (round == 0)
                continue;  // memory is touched first, and the first window knows of none
            way.read_ns = std::min(way.read_ns, static_cast<double>(read - begin) / rows);
            way.total_ns = std::min(way.total_ns, static_cast<double>(end - begin) / rows);
        }
    }
}

/// What the way that was chosen takes: the least of all readers that used it. Where their memory
/// happens to lie makes two readers of one way differ by up to a quarter.
double chosen_ns(const std::vector<Way>& ways) {
    double least = ways[0].total_ns;
    for (const Way& way : ways) {
        if (way.used == ways[0].used && way.reader.policy().map_class == MapClass::Windowed)
            least = std::min(least, way.total_ns);
    }
    return least;
}

std::string words(const std::vector<Way>& ways, double Way::* ns) {
    std::string out;
    for (const Way& way : ways)
        out += fmt::format("{}{} {:.0f}", out.empty() ? "" : ", ", way.name, way.*ns);
    return out + " ns a row";
}

void measure_queue(std::vector<Figure>& figures, MapKind kind) {
    constexpr std::uint32_t kRecords = 102'400;
    const KernelMap queue =
        make_map({.name = "queue", .kind = kind, .value_bytes = 40, .max_entries = kRecords});
    const std::vector<std::byte> record(40, std::byte{1});
    std::vector<Way> ways;
    ways.push_back(make_way("drain", queue.map, ""));
    ways.push_back(make_way("pop", queue.map, "drain"));
    measure(ways, kRecords, [&] {
        for (std::uint32_t i = 0; i < kRecords; ++i) need(queue.map.update(nullptr, record.data()));
    });
    figures.push_back(
        {.name = fmt::format("{} of {}: drain over pop", bpf::kind_name(kind), kRecords),
         .value = ways[1].read_ns / ways[0].read_ns,
         .unit = "x",
         .at_most = {},
         .at_least = kDrainSpeedUp,
         .beside = words(ways, &Way::read_ns)});
}

struct Load {
    MapKind kind;
    std::uint32_t entries, rows;
    std::uint32_t key_bytes = 16;
    std::uint32_t value_bytes = 8;
};

void measure_hash(std::vector<Figure>& figures, const Load& load) {
    const KernelMap hash = make_map({.name = "hash",
                                     .kind = load.kind,
                                     .key_bytes = load.key_bytes,
                                     .value_bytes = load.value_bytes,
                                     .max_entries = load.entries});
    std::vector<std::byte> keys(std::size_t{load.rows} * load.key_bytes);
    const std::vector<std::byte> values(std::size_t{load.rows} * hash.map.lookup_bytes());
    for (std::uint32_t i = 0; i < load.rows; ++i)
        std::memcpy(&keys[std::size_t{i} * load.key_bytes], &i, sizeof(i));
    std::vector<Way> ways;
    ways.push_back(make_way("chosen", hash.map, ""));
    if (ways[0].reader.way() == table::ReadWay::Drain)
        ways.push_back(make_way("drain", hash.map, "batch"));
    ways.push_back(make_way("take batch", hash.map, "drain"));
    ways.push_back(make_way("batch, delete batch", hash.map, "drain", read_then_delete()));
    if (load.rows <= 10'000) ways.push_back(make_way("lookup", hash.map, "drain,batch"));
    measure(ways, load.rows,
            [&] { need(hash.map.update_batch(keys.data(), values.data(), load.rows)); });
    const double best = std::ranges::min_element(ways, {}, &Way::total_ns)->total_ns;
    const std::string name =
        fmt::format("{} {} of {}", bpf::kind_name(load.kind), load.rows, load.entries);
    figures.push_back({.name = name + ": read",
                       .value = ways[0].read_ns,
                       .unit = "ns",
                       .at_most = {},
                       .beside = words(ways, &Way::read_ns)});
    figures.push_back({.name = name + ": read + clear, chosen/best",
                       .value = chosen_ns(ways) / best,
                       .unit = "x",
                       .at_most = kChoice,
                       .beside = words(ways, &Way::total_ns)});
}

}  // namespace

void measure_maps(std::vector<Figure>& figures) {
    measure_queue(figures, MapKind::Queue);
    measure_queue(figures, MapKind::Stack);
    const std::vector<Load> loads = {
        {.kind = MapKind::Hash, .entries = 1'024, .rows = 1'000},
        {.kind = MapKind::Hash, .entries = 1'024, .rows = 20},
        {.kind = MapKind::Hash, .entries = 16'384, .rows = 10'000},
        {.kind = MapKind::Hash, .entries = 65'536, .rows = 10'000},
        {.kind = MapKind::Hash, .entries = 65'536, .rows = 7'000},
        {.kind = MapKind::Hash, .entries = 131'072, .rows = 100'000},
        {.kind = MapKind::Hash, .entries = 131'072, .rows = 10'000},
        {.kind = MapKind::Hash, .entries = 131'072, .rows = 1'000},
        {.kind = MapKind::Hash,
         .entries = 16'384,
         .rows = 10'000,
         .key_bytes = 4,
         .value_bytes = 256},
        {.kind = MapKind::LruHash, .entries = 65'536, .rows = 50'000},
        {.kind = MapKind::LruHash,
         .entries = 65'536,
         .rows = 10'000,
         .key_bytes = 4,
         .value_bytes = 64},
        {.kind = MapKind::LruHash, .entries = 65'536, .rows = 3'000},
        {.kind = MapKind::PercpuHash, .entries = 16'384, .rows = 10'000},
    };
    for (const Load& load : loads) measure_hash(figures, load);
}

}  // namespace weir::bench

// SPDX-License-Identifier: Apache-2.0
// What a recorded packet costs: the ddos probe's flow tensor against a hash of sessions and a queue
// of records that hold the same fields (bench/bpf/classic.bpf.c), by BPF_PROG_TEST_RUN, in turn;
// and the memory of both.
#include <fstream>

#include "figures.h"
#include "test_run.h"

namespace weir::bench {
namespace {

constexpr int kRepeat = 500'000;  // packets of one flow, every one of them recorded
constexpr int kRounds = 21;

/// The ddos probe with room for `packets` of one flow.
Chain load_ddos(std::uint32_t packets, bool is_coarse) {
    return load_chain(
        ddos_spec({{.target = "max_flows", .value = "16"},
                   {.target = "packets_per_flow", .value = std::to_string(packets)},
                   {.target = "coarse_clock", .value = is_coarse ? "true" : "false"}}));
}

class Ddos {
public:
    Ddos(std::uint32_t packets, bool is_coarse)
        : chain_(load_ddos(packets, is_coarse)),
          reader_(reader_of(chain_.pair(0).clone(0), "flows")) {}
    /// The probe with its wrapper, without the pivot: that is in bench/datapath.
    double ns() {
        const double ns = run_ns(chain_.pair(0).clone(0).entry().fd, kRepeat);
        need(reader_.clear());
        return ns;
    }
    /// Of packets of a flow whose first ones are recorded already.
    double later_ns() { return run_ns(chain_.pair(0).clone(0).entry().fd, kRepeat); }

private:
    Chain chain_;
    table::Reader reader_;
};

class Classic {
public:
    explicit Classic(bool is_coarse) : object_(load(is_coarse)) {}
    double ns() {
        const double ns = run_ns(need_program(object_, "classic"), kRepeat);
        const bpf::Map* queue = object_.find_map("records");
        std::vector<std::byte> record(queue->shape().value_bytes);
        while (queue->pop(record.data())) continue;
        return ns;
    }

private:
    static bpf::LoadedObject load(bool is_coarse) {
        auto object = need(bpf::Object::open(need(read_bytes(WEIR_BENCH_CLASSIC)), "classic"));
        const auto constant = object.constant("coarse_clock");
        if (!constant) give_up({.code = Errc::NotFound, .message = "constant coarse_clock"});
        constant->bytes[0] = std::byte{is_coarse};
        return need(std::move(object).load());
    }
    bpf::LoadedObject object_;
};

void measure(const char* name, double at_most, const Measure& classic, const Measure& ddos,
             std::vector<Figure>& figures) {
    const Pair ns = compare(classic, ddos, kRounds);
    figures.push_back(
        {.name = name,
         .value = ns.b / ns.a,
         .unit = "x",
         .at_most = at_most,
         .beside = fmt::format("hash + queue {:.0f} ns, ddos {:.0f} ns", ns.a, ns.b)});
}

void measure_recorded(std::vector<Figure>& figures) {
    Classic classic(false);
    Ddos exact(kRepeat, false);
    Ddos coarse(kRepeat, true);
    Ddos later(1, false);
    measure(
        "recorded packet, exact clock", 0.9, [&] { return classic.ns(); },
        [&] { return exact.ns(); }, figures);
    measure(
        "recorded packet, coarse clock", 0.6, [&] { return classic.ns(); },
        [&] { return coarse.ns(); }, figures);
    measure(
        "later packet of a flow", 0.45, [&] { return classic.ns(); },
        [&] { return later.later_ns(); }, figures);
}

/// What the kernel says that a map takes (fdinfo).
double kernel_bytes(const bpf::Map& map) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", map.fd()));
    std::string word;
    double bytes = 0;
    while (info >> word)
        if (word == "memlock:" && info >> bytes) return bytes;
    give_up({.code = Errc::Unsupported, .message = "fdinfo without memlock"});
}

/// Room for as many flows, and for as many packets of each.
void measure_memory(std::vector<Figure>& figures) {
    constexpr std::uint32_t kFlows = 65'536;
    constexpr std::uint32_t kPacketsPerFlow = 10;
    const Chain chain = load_chain(ddos_spec({}));
    double ddos = 0;
    double heads = 0;
    for (const CloneMap& m : chain.pair(0).clone(0).maps()) {
        ddos += kernel_bytes(m.map);
        if (m.flow_heads != nullptr) heads += kernel_bytes(*m.flow_heads);
    }
    ddos += heads;
    auto object = need(bpf::Object::open(need(read_bytes(WEIR_BENCH_CLASSIC)), "classic"));
    need(object.find_map("sessions")->set_max_entries(kFlows));
    need(object.find_map("records")->set_max_entries(kFlows * kPacketsPerFlow));
    const auto classic = need(std::move(object).load());
    double plain = 0;
    for (const char* name : {"sessions", "records"}) plain += kernel_bytes(*classic.find_map(name));
    figures.push_back(
        {.name = fmt::format("memory of a clone, {} flows", kFlows),
         .value = ddos / plain,
         .unit = "x",
         .at_most = {},
         .beside = fmt::format(
             "ddos {:.1f} MB ({:.1f} of them heads), {:.0f} bytes a flow; hash + queue {:.1f} MB, "
             "{:.0f} bytes a flow",
             ddos / 1e6, heads / 1e6, ddos / kFlows, plain / 1e6, plain / kFlows)});
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    std::vector<weir::bench::Figure> figures;
    weir::bench::measure_recorded(figures);
    weir::bench::measure_memory(figures);
    return weir::bench::report(figures, argc > 1 ? argv[1] : "bench-flows.json");
}

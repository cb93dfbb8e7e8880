// SPDX-License-Identifier: Apache-2.0
// What a model costs: the whole stage of converting and predicting against ONNX Runtime alone on a
// tensor that is there already, batch for batch in turn; and the way from a retired clone with
// 60,000 flows to the alerts of all of them. Takes a network for the profile lucid11.
#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <unordered_map>
#include <vector>

#include "figures.h"
#include "full_tensor.h"
#include "model/detector.h"
#include "model/flow_context.h"
#include "model/keras.h"
#include "model/onnxruntime.h"
#include "need.h"
#include "table/flow_tensor.h"
#include "util/clock.h"

namespace weir::bench {
namespace {

constexpr std::uint32_t kFlows = 60'000;
constexpr std::size_t kBatch = 1024;  // what the detector takes at a time
constexpr std::size_t kPackets = 10, kFeatures = 11;
constexpr std::chrono::seconds kWindow{10};
constexpr double kStage = 0.6;    // of ONNX Runtime's flows a second
constexpr double kAlertsMs = 60;  // from the retired clone, on two cores
constexpr int kRounds = 25;

/// ONNX Runtime as anyone would use it: one thread, a tensor of all flows that is there already.
class Bare {
public:
    explicit Bare(const std::string& model)
        : onnx_(need(model::read_keras(model)).onnx),
          session_(need(model::onnx_runtime())->env, onnx_.data(), onnx_.size(), options()),
          input_(session_.GetInputNameAllocated(0, allocator_)),
          output_(session_.GetOutputNameAllocated(0, allocator_)) {}

    void predict(std::vector<float>& in, std::vector<float>& out) {
        const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
        constexpr std::size_t kValues = kPackets * kFeatures;
        const std::size_t flows = out.size();
        for (std::size_t first = 0; first < flows; first += kBatch) {
            const auto n = static_cast<std::int64_t>(std::min(kBatch, flows - first));
            const std::array<std::int64_t, 4> in_shape = {n, kPackets, kFeatures, 1};
            const std::array<std::int64_t, 2> out_shape = {n, 1};
            const auto count = static_cast<std::size_t>(n);
            auto input = Ort::Value::CreateTensor<float>(memory, &in[first * kValues],
                                                         count * kValues, in_shape.data(), 4);
            auto output =
                Ort::Value::CreateTensor<float>(memory, &out[first], count, out_shape.data(), 2);
            const std::array<const char*, 1> inputs = {input_.get()}, outputs = {output_.get()};
            session_.Run({}, inputs.data(), &input, 1, outputs.data(), &output, 1);
        }
    }

private:
    static Ort::SessionOptions options() {
        Ort::SessionOptions options;
        options.SetIntraOpNumThreads(1);
        options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
        return options;
    }
    std::string onnx_;
    Ort::Session session_;
    Ort::AllocatorWithDefaultOptions allocator_;
    Ort::AllocatedStringPtr input_, output_;
};

std::unique_ptr<model::Detector> detector_for(const std::string& model, FullTensor& tensor,
                                              ModelOptions options) {
    options.file = model;
    options.profile = "lucid11";
    auto detector = need(model::Detector::open(options, kWindow));
    const table::Table table = tensor.reader().unread();
    need(detector->fit(*table.flows, *table.shape->value));
    return detector;
}

double milliseconds(const auto& work) {
    const Nanoseconds begin = monotonic_ns();
    work();
    return static_cast<double>(monotonic_ns() - begin) / 1e6;
}

void measure_stage(const std::string& model, FullTensor& tensor, std::vector<Figure>& figures) {
    const auto detector = detector_for(model, tensor, {.threshold = 1, .max_alerts = 0});
    Bare bare(model);
    const table::Table table = need(tensor.reader().read());
    std::vector<float> in(std::size_t{kFlows} * kPackets * kFeatures, 0.1F);
    std::vector<float> out(kFlows);
    const Pair found = compare(
        [&] {
            StageTimings timings;
            return milliseconds([&] { need(detector->run(table, timings)); });
        },
        [&] { return milliseconds([&] { bare.predict(in, out); }); }, kRounds);
    figures.push_back(
        {.name = "convert and predict, one thread",
         .value = found.b / found.a,
         .unit = "x",
         .at_most = {},
         .at_least = kStage,
         .beside = fmt::format("{:.2f} M flows/s; ONNX Runtime alone on a ready tensor {:.2f}",
                               kFlows / found.a / 1e3, kFlows / found.b / 1e3)});
}

void measure_alerts(const std::string& model, FullTensor& tensor, std::vector<Figure>& figures) {
    const auto one = detector_for(model, tensor, {.threshold = 0});
    const auto two = detector_for(model, tensor, {.threshold = 0, .threads = 2});
    std::size_t alerts = 0;
    const auto way = [&](model::Detector& detector) {
        return milliseconds([&] {
            StageTimings timings;
            const table::Table table = need(tensor.reader().read());
            alerts = need(detector.run(table, timings)).alerts.size();
        });
    };
    const Pair found = compare([&] { return way(*two); }, [&] { return way(*one); }, kRounds);
    if (alerts != kFlows) give_up({.code = Errc::Io, .message = fmt::format("{} alerts", alerts)});
    figures.push_back({.name = "60,000 flows from retired clone to 60,000 alerts, two threads",
                       .value = found.a,
                       .unit = "ms",
                       .at_most = kAlertsMs,
                       .beside = fmt::format("one thread {:.1f} ms", found.b)});
}

/// Addresses as text in maps of the standard library, as a script would count.
std::size_t count_plainly(const table::Table& table) {
    const model::Ends ends(*table.flows, *table.shape->value);
    std::unordered_map<std::string, std::size_t> sources, destinations, pairs;
    for (std::size_t i = 0; i < table.rows; ++i) {
        const model::FlowEnds flow = ends.of(table.value(i));
        const std::string source = model::address_text(flow.source);
        const std::string destination = model::address_text(flow.destination);
        ++sources[source];
        ++destinations[destination];
        ++pairs[fmt::format("{} {}", source, destination)];
    }
    return sources.size() + destinations.size() + pairs.size();
}

void measure_context(FullTensor& tensor, std::vector<Figure>& figures) {
    const table::Table table = need(tensor.reader().read());
    const auto contexts =
        need(model::FlowContexts::fit(*table.flows, *table.shape->value, kWindow));
    std::size_t seen = 0;
    const Pair found =
        compare([&] { return milliseconds([&] { seen += contexts.of(table).size(); }); },
                [&] { return milliseconds([&] { seen += count_plainly(table); }); }, kRounds);
    if (seen == 0) give_up({.code = Errc::Io, .message = "no flows"});
    figures.push_back({.name = "what the ends of 60,000 flows do, a flow",
                       .value = found.a * 1e6 / kFlows,
                       .unit = "ns",
                       .at_most = {},
                       .beside = fmt::format("by text in unordered_map {:.0f} ns, {:.1f} x",
                                             found.b * 1e6 / kFlows, found.b / found.a)});
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using namespace weir::bench;
    if (argc != 3) give_up({.code = weir::Errc::Invalid, .message = "FIGURES.json MODEL"});
    try {  // ONNX Runtime throws
        FullTensor tensor(kFlows);
        tensor.fill();
        std::vector<Figure> figures;
        measure_stage(argv[2], tensor, figures);
        measure_alerts(argv[2], tensor, figures);
        measure_context(tensor, figures);
        return report(figures, argv[1]);
    } catch (const std::exception& e) {
        give_up({.code = weir::Errc::Io, .message = e.what()});
    }
}

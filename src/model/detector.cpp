// SPDX-License-Identifier: Apache-2.0
#include "model/detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <thread>
#include <utility>

#include "model/victims.h"
#include "util/clock.h"

namespace weir::model {
namespace {

constexpr std::size_t kBatch = 1024;  // what lies between LUCID's layers stays in L2 then

Alert alert_of(const FlowEnds& flow, float score, bool has_addresses) {
    return {.source = has_addresses ? address_text(flow.source) : "",
            .destination = has_addresses ? address_text(flow.destination) : "",
            .source_port = flow.source_port,
            .destination_port = flow.destination_port,
            .protocol = flow.protocol == 0 ? "" : protocol_text(flow.protocol),
            .packets = flow.packets,
            .score = score,
            .reason = {}};
}

/// A number that is smaller the higher the score is. Source: IEEE 754: the bits of positive floats
/// are in the floats' order, those of negative ones in the opposite.
std::uint64_t descending(float score) {
    constexpr std::uint32_t kSign = 1U << 31;
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);  // of both zeros the positive
    return (bits & kSign) != 0 ? bits : ~(bits | kSign);
}

/// Adds to the notice where the model learnt from windows of another length.
void warn_of_window(ChosenProfile& chosen, std::chrono::nanoseconds window) {
    const auto& trained = chosen.profile.window;
    if (!trained || *trained == window) return;
    const auto seconds = [](std::chrono::nanoseconds t) {
        return std::chrono::duration<double>(t).count();
    };
    if (!chosen.notice.empty()) chosen.notice += "; ";
    chosen.notice += fmt::format("the model was trained with windows of {} s, these have {} s (-t)",
                                 seconds(*trained), seconds(window));
}

}  // namespace

/// What the threads of one run share.
struct Detector::Work {
    std::atomic<std::size_t> next = 0;  // batch
    std::atomic<Nanoseconds> converted = 0, predicted = 0;
    std::atomic<bool> has_failed = false;
    Result<> failure;  // of the first that failed
};

Detector::Detector(ModelOptions options, std::chrono::nanoseconds window, Runner network,
                   DetectorPlan plan)
    : options_(std::move(options)),
      window_(window),
      network_(std::move(network)),
      plan_(std::move(plan)) {}

Result<std::unique_ptr<Detector>> Detector::open(const ModelOptions& options,
                                                 std::chrono::nanoseconds window) {
    auto network =
        Runner::open(options.file, {.device = options.use_cuda ? Device::Cuda : Device::Cpu});
    if (!network) return pass_on(network);
    auto plan = plan_detector(network->signature(), options);
    if (!plan) return wrap(plan, options.file);
    warn_of_window(plan->profile, window);
    return std::unique_ptr<Detector>(
        new Detector(options, window, std::move(*network), std::move(*plan)));
}

Result<> Detector::fit(const FlowLayout& layout, const Type& row) {
    auto input = Input::fit(layout, plan_.profile.profile, plan_.shape, window_);
    if (!input) return pass_on(input);
    fitted_ = std::make_unique<const Fitted>(
        Fitted{.input = std::move(*input), .ends = Ends(layout, row)});
    return {};
}

void Detector::score_batches(const Table& table, std::span<const FlowContext> context, Work& work) {
    const std::size_t outputs = network_.signature().output_values();
    std::vector<float> in(kBatch * fitted_->input.values());
    std::vector<float> out(kBatch * outputs);
    for (;;) {
        const std::size_t first = work.next.fetch_add(1) * kBatch;
        if (first >= table.rows || work.has_failed) return;
        const std::size_t flows = std::min(kBatch, table.rows - first);
        const Nanoseconds begin = monotonic_ns();
        const std::span input(in.data(), flows * fitted_->input.values());
        fitted_->input.convert(table, context, first, input);
        const Nanoseconds converted = monotonic_ns();
        auto done = network_.predict(input, std::span(out.data(), flows * outputs));
        const Nanoseconds predicted = monotonic_ns();
        work.converted += converted - begin;
        work.predicted += predicted - converted;
        if (!done) {
            if (!work.has_failed.exchange(true)) work.failure = std::move(done);
            return;
        }
        for (std::size_t i = 0; i < flows; ++i) scores_[first + i] = out[i * outputs + outputs - 1];
    }
}

Result<> Detector::score(const Table& table, StageTimings& timings) {
    scores_.resize(table.rows);
    Work work;
    const Nanoseconds begin = monotonic_ns();
    const std::vector<FlowContext> context = fitted_->input.context(table);
    timings.convert += static_cast<double>(monotonic_ns() - begin) / 1e3;
    const std::size_t batches = (table.rows + kBatch - 1) / kBatch;
    const std::size_t wanted = static_cast<std::size_t>(std::max(options_.threads, 1));
    const std::size_t threads =
        std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(batches, 1));
    {
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < threads; ++i)
            others.emplace_back([&] { score_batches(table, context, work); });
        score_batches(table, context, work);
    }
    const auto average_us = [&](Nanoseconds sum) {
        return static_cast<double>(sum) / 1e3 / static_cast<double>(threads);
    };
    timings.convert += average_us(work.converted);
    timings.predict += average_us(work.predicted);
    return std::move(work.failure);
}

/// The highest scores first, and of equal ones the earlier flow; or all in their order.
std::vector<std::uint32_t> Detector::alerted_rows() const {
    std::vector<std::uint32_t> rows;
    for (std::size_t i = 0; i < scores_.size(); ++i)
        if (options_.lists_all || scores_[i] > plan_.threshold)
            rows.push_back(static_cast<std::uint32_t>(i));
    if (options_.lists_all) {
        rows.resize(std::min(rows.size(), options_.max_alerts));
        return rows;
    }
    // Score and row as one number: what is compared stands in what is moved.
    std::vector<std::uint64_t> keys;
    keys.reserve(rows.size());
    for (const std::uint32_t row : rows) keys.push_back(descending(scores_[row]) << 32 | row);
    const std::size_t kept = std::min(keys.size(), options_.max_alerts);
    std::ranges::nth_element(keys, keys.begin() + static_cast<std::ptrdiff_t>(kept));
    keys.resize(kept);
    std::ranges::sort(keys);
    rows.resize(kept);
    std::ranges::transform(keys, rows.begin(),
                           [](std::uint64_t key) { return static_cast<std::uint32_t>(key); });
    return rows;
}

Result<Detection> Detector::run(const Table& table, StageTimings& timings) {
    if (auto r = score(table, timings); !r) return pass_on(r);
    Detection detection{.threshold = plan_.threshold, .scores = scores_};
    Victims victims;
    for (std::size_t i = 0; i < scores_.size(); ++i) {
        if (std::isnan(scores_[i]))
            return fail(Errc::Io, fmt::format("the score of flow {} is not a number", i));
        if (!(scores_[i] > plan_.threshold)) continue;
        ++detection.malicious;
        if (fitted_->ends.has_addresses())
            victims.add(fitted_->ends.of(table.value(i)), scores_[i]);
    }
    detection.victims = victims.list();
    const std::vector<std::uint32_t> alerted = alerted_rows();
    detection.alerts.reserve(alerted.size());
    for (const std::uint32_t row : alerted)
        detection.alerts.push_back(alert_of(fitted_->ends.of(table.value(row)), scores_[row],
                                            fitted_->ends.has_addresses()));
    return detection;
}

}  // namespace weir::model
